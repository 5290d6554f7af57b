import Foundation
import TestServers
import TestShop
import Testing

/// `orderflow status`, on a shop that is well and on one where somebody has been at the data.
@Suite(.serialized, .servers) struct StatusTests {
    @Test func verificationFindsWhatIsBroken() async throws {
        let shop = try Shop()
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let confirmed = try await up.client.order()
        let declined = try await up.client.order(
            #"{"userId":"bob","items":[{"sku":"ABC","qty":1}],"total":5,"paymentToken":"tok_declined"}"#)
        try eventually("both orders are at their end") {
            // On the way there facts may be between an outbox and the topic: with --settle 0 that is told.
            let text = try shop.output("status", "--verify", "--settle", "0s", "--json")
            return try Self.lines(text).last.map {
                $0["confirmed"] as? Int == 1 && $0["cancelled"] as? Int == 1 && $0["broken"] as? Int == 0
            } ?? false
        }
        let sound = try Self.verify(shop)
        #expect(sound.count == 1, "\(sound)")
        #expect(sound.last?["broken"] as? Int == 0)

        try eventually("nothing waits") {
            let groups = try Self.status(shop, up)["groups"] as? [[String: Any]] ?? []
            return groups.count == 10 && groups.allSatisfy { $0["lag"] as? Int == 0 && $0["deadLetters"] as? Int == 0 }
        }
        let report = try Self.status(shop, up)
        let roles = try #require(report["roles"] as? [[String: Any]])
        #expect(roles.first { $0["role"] as? String == "api" }?["state"] as? String == "ready")
        let sagas = try #require(report["sagas"] as? [[String: Any]])
        #expect(sagas.compactMap { $0["status"] as? String } == ["compensated", "completed"])
        #expect(try up.terminate() == 0)

        // Each of these is what a defect would leave behind.
        _ = try shop.query("UPDATE shipments SET status = 'prepared' WHERE order_id = '\(confirmed)'", in: "shipping")
        _ = try shop.query("UPDATE mails SET status = 'failed' WHERE order_id = '\(declined)'", in: "notification")
        _ = try shop.query(
            "INSERT INTO stock (tenant, sku, on_hand, reserved) VALUES ('default', 'X', 5, 2)", in: "inventory")
        _ = try shop.query("UPDATE contacts SET total = '1.00' WHERE order_id = '\(confirmed)'", in: "notification")
        // As of orders that were gone with the event store's last hour, behind all that it has.
        _ = try shop.query(
            "INSERT INTO shipments (tenant, order_id, status) VALUES ('zoo', 'o-1', 'dispatched')", in: "shipping")
        _ = try shop.query(
            "INSERT INTO reservations (tenant, order_id, status, version) VALUES ('default', 'z-1', 'rejected', 1)",
            in: "inventory")
        let broken = try Self.verify(shop, expecting: 1).filter { $0["finding"] as? String == "broken" }
        #expect(broken.count == 6, "\(broken)")
        let details = Dictionary(
            broken.map { ($0["orderId"] as? String ?? "stock", $0["detail"] as? String ?? "") },
            uniquingKeysWith: { first, _ in first })
        #expect(details[confirmed]?.contains("shipment is prepared") == true)
        #expect(details[declined]?.contains("order-cancelled") == true)
        #expect(details["stock"]?.contains("default/X") == true)
        #expect(details["o-1"]?.hasSuffix("nor on the topic: shipment dispatched") == true, "\(broken)")
        #expect(details["z-1"]?.hasSuffix("nor on the topic: stock rejected") == true, "\(broken)")
        let replica = "notification: replica contacts: default \(confirmed) isn't what was said"
        #expect(broken.contains { $0["detail"] as? String == replica }, "\(broken)")
    }

    /// What is said of an order that never comes is somebody's mistake, and shown.
    @Test func verificationNamesOrdersThatNobodyAnnounced() throws {
        let shop = try Shop()
        try shop.publish(
            #"{"type":"StockReserved","version":1,"payload":{"orderId":"o-9"}}"#, key: "o-9", to: "order-events")
        try shop.publish(DeadLetterTests.orderCreated("o-8"), key: "o-8", to: "order-events")
        let found = try Self.verify(shop)
        let details = Dictionary(
            uniqueKeysWithValues: found.compactMap { line in
                (line["orderId"] as? String).map { ($0, line["detail"] as? String ?? "") }
            })
        #expect(details == ["o-9": "nobody has announced it", "o-8": "the order service hasn't taken it yet"])

        // util-linux's script lends a terminal, which shows how far it is. What is found has lines of its own there too.
        let screen = try shop.shell(#"script -qec '"\#(Shop.program)" status --verify --settle 0s' /dev/null"#)
        let shown = screen.split(separator: "\r\u{1B}[K").map { $0.filter { $0 != "\r" } }
        for stage in ["reading the topics", "sorting by order", "adding up", "inventory: own evidence", "audit logs"] {
            #expect(shown.contains { $0.hasPrefix(stage) }, "\(stage): \(screen)")
        }
        let told = shown.filter { $0.contains("order o-") }.flatMap { $0.split(whereSeparator: \.isNewline) }
        #expect(told.count == 2 && told.allSatisfy { $0.hasPrefix("running  order o-") }, "\(screen)")
    }

    private static func status(_ shop: Shop, _ up: Daemon) throws -> [String: Any] {
        let text = try shop.run("status", "--json", "--set", "http.port=\(up.port)")
        return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
    }

    private static func verify(_ shop: Shop, expecting status: Int32 = 0) throws -> [[String: Any]] {
        try lines(shop.run(["status", "--verify", "--settle", "0s", "--json"], expecting: status))
    }

    private static func lines(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").compactMap {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }
}
