import Foundation
import TestServers
import TestShop
import Testing

/// The way of an order through real daemons, a real broker and a real database, seen from outside.
@Suite(.serialized, .servers) struct PipelineTests {
    /// Kafka down means that events queue up in PostgreSQL.
    @Test func ordersAreTakenWhileKafkaIsAway() async throws {
        let shop = try Shop()
        let api = try shop.daemon("api")
        let projection = try shop.daemon("projection")
        try api.start()
        try projection.start()
        try await api.waitUntilReady()
        try await projection.waitUntilReady()
        try shop.broker.kill()
        var ids: [String] = []
        for _ in 0..<20 { ids.append(try await api.client.order()) }
        try shop.broker.restart()
        for id in ids {
            try await eventually(within: .seconds(40), "order \(id) is in the read model") {
                try await api.client.view(id) != nil
            }
        }
        let created = try shop.records(of: "order-events").filter { $0.type == "OrderCreated" }.compactMap(\.key)
        #expect(created.sorted() == ids.sorted())
    }

    /// Daemons wait for servers that are away, and say so.
    @Test func daemonsWaitForTheirServers() async throws {
        let shop = try Shop()
        let api = try shop.daemon("api")
        let projection = try shop.daemon("projection")
        try shop.postgres.kill()
        try shop.broker.kill()
        try api.start()
        try projection.start()
        for daemon in [api, projection] {
            try await eventually("\(daemon.role) says what it waits for") {
                guard let answer = try await daemon.client.get("/readyz", orNil: true) else { return false }
                return answer.status == 503 && answer.text.contains("not ready")
            }
        }
        #expect(try await api.client.get("/livez").status == 200)
        let refused = try await api.client.post("/orders", ShopClient.simpleOrder)
        #expect(refused.status == 503)
        #expect(refused.header("Retry-After") != nil)
        try shop.postgres.restart()
        try shop.broker.restart()
        for daemon in [api, projection] { try await daemon.waitUntilReady() }
        let id = try await api.client.order()
        try await eventually("the order is in the read model") { try await api.client.view(id) != nil }
    }

    /// `up` runs every role, and takes them all down with it.
    @Test func upRunsEverything() async throws {
        let shop = try Shop()
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let id = try await up.client.order()
        try await eventually("the order went all the way") {
            try await up.client.view(id)?["shipment"] is [String: any Sendable]
        }
        #expect(try up.terminate() == 0)
        #expect(!up.log.contains("killed"))
    }
}
