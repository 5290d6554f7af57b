import JSON
import Messaging
import Orders
import Postgres
import TestServers
import Testing

@testable import Operations
@testable import OrderflowKit
@testable import Webhooks

/// What operators see of everybody's endpoints, and the ping that they may send.
@Suite(.blocking, .servers) struct EndpointStandingsTests {
    private let shop: WebhookFixture

    init() throws { shop = try WebhookFixture() }

    @Test func thoseInTroubleComeFirstWithWhatWaits() throws {
        for (name, tenant) in [
            ("well", "default"), ("failing", "default"), ("suspended", "acme"), ("paused", "default"), ("gone", "acme"),
        ] {
            try shop.endpoint(name, tenant: tenant)
        }
        try shop.hear(["o1", "o2"])
        try shop.connection.script(
            """
            UPDATE endpoints SET state = 'suspended', reason = 'answered 410', url = 'https://suspended/?token=secret'
            WHERE id = 'suspended';
            UPDATE endpoints SET state = 'paused' WHERE id = 'paused';
            UPDATE endpoints SET state = 'deleted' WHERE id = 'gone';
            UPDATE queues SET failures = 2, last_status = 500, last_error = 'answered 500', last_at = now()
            FROM endpoints WHERE number = endpoint AND id = 'failing';
            UPDATE deliveries SET state = 'delivered' FROM endpoints WHERE number = endpoint AND id = 'well'
            """)
        let standings = try EndpointStandings.read(limit: 10, on: shop.connection)
        #expect(standings.counts == ["active": 2, "paused": 1, "suspended": 1])
        #expect(standings.entries.map(\.id).prefix(2) == ["suspended", "failing"])
        #expect(Set(standings.entries.map(\.id)) == ["suspended", "failing", "well", "paused"])
        let found = Dictionary(standings.entries.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        #expect(found["suspended"]?.url == "https://suspended/" && found["suspended"]?.due == 0)
        #expect(found["failing"]?.due == 2 && found["failing"]?.oldestAt != nil && found["failing"]?.lastStatus == 500)
        #expect(found["well"]?.due == 0 && found["well"]?.oldestAt == nil)
        #expect(try EndpointStandings.read(limit: 1, on: shop.connection).entries.map(\.id) == ["suspended"])
        try said()
    }

    /// The same in the document that the dashboard asks for.
    private func said() throws {
        let document = AttentionDocument(process: "p", role: "webhooks", service: "webhooks", hasEndpoints: true)
        let bytes = try document.read(on: shop.connection)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("token"))
        let webhooks = try #require(try JSONValue(parsing: bytes)["webhooks"])
        #expect(webhooks["suspended"]?.int64 == 1 && webhooks["endpoints"]?[0]?["reason"]?.string == "answered 410")
        var state = ShopState()
        state.webhooks = webhooks
        let concern = try #require(ShopConcern.all(of: state).first)
        #expect(concern.title == "1 webhook is suspended" && concern.detail == "answered 410")
        #expect(concern.level == .warning && concern.remedy == "orderflow webhooks resume suspended --tenant acme")
    }

    @Test func aPingIsQueuedForOneAlone() throws {
        try shop.endpoint("one")
        try shop.endpoint("other")
        let id = try EndpointStore.ping("one", tenant: "default", source: "/orderflow", on: shop.connection)
        #expect(try shop.found("one").pending == 1)
        #expect(try shop.found("other").pending == 0)
        #expect(try shop.connection.number("SELECT count(*) FROM facts WHERE webhook_id = '\(id)'") == 1)
        #expect(throws: NoSuchEndpoint(id: "one")) {
            try EndpointStore.ping("one", tenant: "acme", source: "/orderflow", on: shop.connection)
        }
        #expect(try shop.flaws() == [])
    }
}
