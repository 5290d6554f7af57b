import Execution
import JSON
import Messaging
import OrderFacts
import Orders
import Outbound
import Postgres
import TestServers
import Testing

@testable import OrderflowKit
@testable import Webhooks

/// What is queued for whom, once; replays, and what is swept away.
@Suite(.blocking, .servers) struct WebhookQueueTests {
    private let shop: WebhookFixture

    init() throws { shop = try WebhookFixture() }

    private static func cancelled(_ at: Int64) -> OrderCancelled {
        OrderCancelled(
            orderID: "o1", userID: "u", total: Money(minorUnits: 1, currency: .usd), reason: "so", at: at)
    }

    private func queued() throws -> [String] {
        try shop.connection.query(
            """
            SELECT e.id || ' ' || f.order_key || ' ' || d.state FROM deliveries d JOIN endpoints e ON e.number = d.endpoint
            JOIN facts f ON f.position = d.fact ORDER BY d.fact, e.id
            """
        ).map { try $0.get(0, as: String.self) }
    }

    @Test func factsAreQueuedOnceForThoseThatWantThem() throws {
        try shop.endpoint("all")
        try shop.endpoint("confirmed", types: ["OrderConfirmed"])
        try shop.endpoint("cancelled", types: ["OrderCa*"])
        try shop.endpoint("other", tenant: "acme")
        let confirmed = try shop.message(
            OrderConfirmed(orderID: "o1", userID: "u", total: Money(minorUnits: 1, currency: .usd), at: shop.now),
            id: "f1")
        let cancelled = try shop.message(
            Self.cancelled(shop.now), id: "f2")
        // A copy in the batch, and a copy in a later one.
        try shop.handle([confirmed, cancelled, confirmed])
        try shop.handle([cancelled])
        #expect(
            try queued() == [
                "all o1 pending", "confirmed o1 pending", "all o1 pending", "cancelled o1 pending",
            ])
        #expect(try shop.connection.number("SELECT count(*) FROM facts") == 2)
        #expect(try shop.flaws() == [])
        // Another tenant's, with the same id, is another event.
        try shop.handle([
            try shop.message(
                Self.cancelled(shop.now), id: "f2", tenant: "acme")
        ])
        #expect(try queued().last == "other o1 pending")
        // What the evidence looks for, it finds.
        try shop.connection.script("DELETE FROM deliveries WHERE endpoint = (SELECT max(endpoint) FROM deliveries)")
        #expect(try shop.flaws().count == 1)
    }

    @Test func noFactsAreKeptOfTenantsWithoutWebhooks() throws {
        try shop.hear(["o1", "o2"])
        #expect(try shop.connection.number("SELECT count(*) FROM facts") == 0)
    }

    /// A body is the event as the topic has it: CloudEvents in structured mode.
    @Test func aBodyIsACloudEvent() throws {
        try shop.endpoint("a")
        try shop.hear(["o1"])
        try shop.run(shop.rounds()) { _ in .accepted }
        let request = try #require(shop.sender.sent.first)
        #expect(request.header("content-type") == "application/cloudevents+json")
        let body = try JSONValue(parsing: request.body)
        #expect(body["specversion"]?.string == "1.0" && body["type"]?.string == "OrderConfirmed")
        #expect(body["source"]?.string == "/orderflow/orders" && body["subject"]?.string == "o1")
        #expect(body["data"]?["orderId"]?.string == "o1" && body["tenant"]?.string == "default")
        #expect(request.header("webhook-id")?.contains(".") == false && request.header("webhook-replay") == nil)
    }

    @Test func aReplayQueuesAgainForOneAndKeepsTheOrder() throws {
        try shop.endpoint("a")
        try shop.endpoint("b")
        let rounds = shop.rounds()
        try shop.hear(["o1", "o2", "o1", "o2"])
        try shop.run(rounds) { _ in .accepted }
        let first = shop.sender.sent.filter { $0.endpoint == "a" }
        #expect(first.count == 4)
        let begin = shop.sender.sent.count
        let facts = try EndpointStore.replay(
            "a", tenant: "default", from: .position(0), by: .test, on: shop.connection)
        #expect(facts == 4)
        // Two pages; what is heard between them waits for the second.
        #expect(try QueueStore.replayPage(at: shop.now, limit: 2, on: shop.connection) != nil)
        try shop.hear(["o1"])
        try shop.run(rounds) { _ in .accepted }
        #expect(shop.sender.sent[begin...].filter { $0.endpoint == "a" }.count == 2)
        while try QueueStore.replayPage(at: shop.now, limit: 2, on: shop.connection) != nil {}
        try shop.run(rounds) { _ in .accepted }
        let again = shop.sender.sent[begin...].filter { $0.endpoint == "a" }
        #expect(again.count == 5)
        #expect(again.prefix(4).map { $0.header("webhook-replay") } == ["true", "true", "true", "true"])
        #expect(Set(again.prefix(4).map { $0.header("webhook-id") }) == Set(first.map { $0.header("webhook-id") }))
        #expect(again.last?.header("webhook-replay") == nil)
        #expect(shop.sender.sent[begin...].filter { $0.endpoint == "b" }.count == 1)
        #expect(try shop.flaws() == [])
    }

    /// One that comes later gets what was kept.
    @Test func aReplayReachesBackBeforeTheWebhook() throws {
        try shop.endpoint("a")
        try shop.hear(["o1", "o1"])
        try shop.endpoint("late")
        _ = try EndpointStore.replay(
            "late", tenant: "default", from: .time(shop.now - 3_600_000_000), by: .test, on: shop.connection)
        while try QueueStore.replayPage(at: shop.now, on: shop.connection) != nil {}
        try shop.run(shop.rounds()) { _ in .accepted }
        #expect(shop.sender.sent.count { $0.endpoint == "late" } == 2)
        #expect(try shop.flaws() == [])
    }

    @Test func oldFactsGoAndWaitingOnesStay() throws {
        try shop.endpoint("a")
        let dead = try shop.endpoint("dead")
        try shop.hear(["o1", "o2"])
        try shop.run(shop.rounds()) { $0.endpoint == "a" ? .accepted : .status(500) }
        try shop.connection.script("UPDATE facts SET heard_at = heard_at - interval '8 days'")
        func sweep() throws {
            var after: Int64? = 0
            while let position = after {
                after = try WebhookUpkeep.dropFacts(
                    heardBefore: shop.now - 7 * 86_400_000_000, after: position, limit: 1, on: shop.connection)
            }
        }
        try sweep()
        #expect(try shop.connection.number("SELECT count(*) FROM facts") == 2)
        // Deleted, it holds nothing up.
        try EndpointStore.delete("dead", tenant: "default", by: .test, on: shop.connection)
        #expect(try EndpointStore.one("dead", tenant: "default", on: shop.connection) == nil)
        while try WebhookUpkeep.dropDeleted(at: shop.now, limit: 1, on: shop.connection) {}
        #expect(
            try shop.connection.number("SELECT count(*) FROM deliveries WHERE endpoint = $1", [.int8(dead.number)]) == 0
        )
        #expect(try shop.flaws() == [])
        try sweep()
        #expect(try shop.connection.number("SELECT count(*) FROM facts") == 0)
        #expect(try shop.connection.number("SELECT count(*) FROM deliveries") == 0)
    }
}
