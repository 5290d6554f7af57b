import Foundation
import TestServers
import TestShop
import Testing

/// Express orders behind a backlog of ordinary ones, with real daemons that are killed meanwhile: where their messages go,
/// what of the backlog was confirmed before them, and what came of all.
@Suite(.serialized, .servers) struct ExpressTests {
    @Test func expressOrdersOvertakeABacklogAndNothingIsLostOrDoubled() async throws {
        let shop = try Shop(settings: [
            // The gateway is what all wait for: 16 calls at once, 160 a second.
            "ORDERFLOW_PAYMENT_SIMULATOR_LATENCY": "100ms"
        ])
        let api = try shop.daemon("api")
        try api.start()
        try await api.waitUntilReady()
        let body = #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1"#
        let backlog = 400
        let lines = Array(repeating: body + "}", count: backlog).joined(separator: ",")
        #expect(try await api.client.post("/orders/batch", "[\(lines)]").status == 200)
        var express: [String] = []
        for _ in 0..<6 { express.append(try await api.client.order(body + #","priority":"express"}"#)) }
        try eventually("all are on their topics") {
            try shop.headers(ofLanes: "order-events").count == backlog + express.count
        }

        let others = try ["saga", "inventory", "payment", "shipping"].map { try shop.daemon($0) }
        for daemon in others { try daemon.start() }
        func confirmed() throws -> Int {
            let rows = try shop.query("SELECT count(*) FROM events WHERE type = 'OrderConfirmed'", in: "orders")
            return Int(rows.first?.first ?? "") ?? 0
        }
        try eventually(within: .seconds(60), "some are confirmed") { try confirmed() > 20 }
        for daemon in others.prefix(2) {
            try daemon.kill()
            try daemon.start()
        }
        // One more, which finds the backlog under way.
        let late = try await api.client.order(body + #","priority":"express"}"#)
        express.append(late)
        try eventually(within: .seconds(90), "all are confirmed") { try confirmed() == backlog + express.count }

        let ids = express.map { "'\($0)'" }.joined(separator: ",")
        let before = try shop.query(
            """
            SELECT e.stream_id, (SELECT count(*) FROM events o WHERE o.type = 'OrderConfirmed'
                AND o.position BETWEEN c.position AND e.position AND o.stream_id NOT IN (\(ids)))
            FROM events e JOIN events c ON c.stream_id = e.stream_id AND c.version = 1
            WHERE e.type = 'OrderConfirmed' AND e.stream_id IN (\(ids))
            """, in: "orders")
        #expect(before.count == express.count)
        // Of those that were waiting when it came; while killed ones come back, the others go on with what they have.
        for row in before {
            #expect(Int(row[1]) ?? .max < backlog * 3 / 4, "ordinary ones before \(row[0]): \(row[1])")
        }
        try expectOneLaneAnOrder(shop, express, backlog)
        let charges = try shop.query("SELECT count(*) FROM gateway_ledger WHERE operation = 'charge'", in: "payment")
        #expect(charges == [["\(backlog + express.count)"]])
    }

    /// Everything of an express order is on the lanes, in one partition of each, in its order; nothing else is.
    private func expectOneLaneAnOrder(_ shop: Shop, _ express: [String], _ backlog: Int) throws {
        let once = ["OrderCreated", "StockReserved", "PaymentProcessed", "ShipmentCreated", "OrderConfirmed"]
        let ordinary = try shop.records(of: "order-events", awaiting: backlog, "OrderConfirmed")
        let fast = try shop.records(of: "order-events-express", awaiting: express.count, "OrderConfirmed")
        #expect(Set(fast.compactMap(\.key)) == Set(express))
        #expect(Set(ordinary.compactMap(\.key)).isDisjoint(with: express))
        #expect(fast.allSatisfy { $0.headers["ce_priority"] == "express" })
        #expect(ordinary.allSatisfy { $0.headers["ce_priority"] == nil })
        for records in [ordinary, fast] {
            for type in once {
                let events = Set(records.filter { $0.type == type }.map { [$0.key ?? "", $0.headers["ce_id"] ?? ""] })
                #expect(events.count == (records.count == fast.count ? express.count : backlog), "\(type)")
            }
        }
        for id in express {
            let own = fast.filter { $0.key == id }.sorted { $0.offset < $1.offset }
            #expect(Set(own.map(\.partition)).count == 1)
            let types = own.compactMap(\.type)
            #expect(types.first == "OrderCreated")
            for (earlier, later) in zip(["StockReserved", "PaymentProcessed"], ["PaymentProcessed", "OrderConfirmed"]) {
                let places = (types.firstIndex(of: earlier) ?? .max, types.firstIndex(of: later) ?? -1)
                #expect(places.0 < places.1, "\(types)")
            }
        }
        for topic in ["inventory-commands", "payment-commands", "order-commands"] {
            #expect(Set(try shop.headers(of: topic + "-express").compactMap(\.key)) == Set(express), "\(topic)")
            #expect(Set(try shop.headers(of: topic).compactMap(\.key)).isDisjoint(with: express), "\(topic)")
        }
    }
}
