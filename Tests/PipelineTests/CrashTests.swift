import Foundation
import TestServers
import TestShop
import Testing

/// Real daemons killed with `kill -9`, and what came of the orders, counted.
@Suite(.serialized, .servers) struct CrashTests {
    /// Two of each role; one after the other is killed and comes back, while orders come in.
    @Test func killedDaemonsLoseAndDoubleNothing() async throws {
        // Whatever is killed while it encodes or decodes.
        let shop = try Shop(settings: ["ORDERFLOW_TOPICS_FORMAT": "protobuf"])
        let api = try shop.daemon("api")
        let daemons = try ["shipping", "projection", "notification"].flatMap { role in
            try [1, 2].map { try shop.daemon(role, instance: $0) }
        }
        try api.start()
        for daemon in daemons { try daemon.start() }
        try await api.waitUntilReady()
        for daemon in daemons { try await daemon.waitUntilReady() }
        let groups = ["shipping-group", "projection-group", "notification-group"]
        for group in groups { try shop.waitUntilShared(group, members: 2) }

        var ids: [String] = []
        for victim in daemons + [api] {
            for _ in 0..<15 { ids.append(try await api.client.order()) }
            try victim.kill()
            if victim.role != "api" {
                for _ in 0..<15 { ids.append(try await api.client.order()) }
            }
            try victim.start()
            try await victim.waitUntilReady()
        }
        do {
            for id in ids {
                try await eventually(within: .seconds(90), "order \(id) is shipped in the read model") {
                    try await api.client.view(id)?["shipment"] is [String: any Sendable]
                }
            }
        } catch {
            for daemon in daemons { print("--- \(daemon.role) \(daemon.instance)\n\(daemon.log.suffix(4_000))") }
            throw error
        }
        let records = try shop.headers(of: "order-events")
        #expect(records.allSatisfy { $0.headers["content-type"] == "application/protobuf" })
        for type in ["OrderCreated", "ShipmentCreated"] {
            let keys = records.filter { $0.type == type }.compactMap(\.key)
            #expect(keys.sorted() == ids.sorted(), "one \(type) an order")
        }
    }
}
