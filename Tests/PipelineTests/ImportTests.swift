import Foundation
import TestServers
import TestShop
import Testing

/// `orderflow import` into a shop whose API is killed, and so is the import.
@Suite(.serialized, .servers) struct ImportTests {
    /// More than a batch has; two of three are no orders, as it is the batches that count here and not the load.
    private static let count = 1_100
    private static let refused = 734
    private static let declined = 12

    /// A table with two lines an order, some that are no orders and some that can't be paid.
    private func write(to path: String) throws {
        var table = "order,userId,sku,qty,price,paymentToken\n"
        for number in 1...Self.count {
            let user = number % 3 != 0 ? "" : "user-\(number)"
            let token = number % 99 == 3 ? "tok_declined" : ""
            table += "\(number),\(user),ABC,2,19.99,\(token)\n\(number),,\"X,Y\",1,5,\n"
        }
        try Data(table.utf8).write(to: URL(fileURLWithPath: path))
    }

    @Test func everyOrderIsMadeOnceWhateverIsKilled() async throws {
        let shop = try Shop(settings: ["ORDERFLOW_INVENTORY_UNKNOWN_SKU": "unlimited"])
        let api = try shop.daemon("api")
        let others = try ["saga", "inventory", "payment", "shipping", "projection"].map { try shop.daemon($0) }
        for daemon in [api] + others { try daemon.start() }
        for daemon in [api] + others { try await daemon.waitUntilReady() }
        let file = NSTemporaryDirectory() + "orders-\(UUID().uuidString).csv"
        let (journal, rejects) = (file + ".import.ndjson", file + ".rejected.ndjson")
        defer { for path in [file, journal, rejects] { try? FileManager.default.removeItem(atPath: path) } }
        try write(to: file)
        let check = try shop.run(["import", file, "--dry-run"], expecting: 1)
        #expect(check == "\(Self.count - Self.refused) orders are sound, \(Self.refused) would be refused\n")

        let first = try shop.command("import", file, "--url", api.client.base)
        try first.start()
        try eventually("some orders are stored") { try stored(shop) > 100 }
        try api.kill()
        try first.kill()
        try api.start()
        try await api.waitUntilReady()
        // Without what the first one knew.
        try? FileManager.default.removeItem(atPath: journal)
        let told = try shop.run(["import", file, "--url", api.client.base, "--wait"], expecting: 1)
        let taken = Self.count - Self.refused
        #expect(told.contains("\(taken) orders taken, \(Self.refused) refused, in 2 batches\n"), "\(told)")
        #expect(told.contains("\(taken - Self.declined) orders confirmed, \(Self.declined) cancelled\n"), "\(told)")
        #expect(told.components(separatedBy: "cancelled: ").count == 1 + Self.declined, "\(told)")

        #expect(try stored(shop) == taken)
        #expect(
            try shop.query("SELECT count(DISTINCT data->>'userId') FROM events WHERE version = 1", in: "orders") == [
                ["\(taken)"]
            ])
        let lines = try String(contentsOfFile: rejects, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == Self.refused && lines.allSatisfy { $0.contains("\"reason\"") })

        // With the journal it says the same and asks nobody.
        try api.kill()
        let again = try shop.run(["import", file, "--url", api.client.base], expecting: 1)
        #expect(again.contains("\(taken) orders taken, \(Self.refused) refused, in 2 batches\n"), "\(again)")
        try api.start()
        try await api.waitUntilReady()
        #expect(try stored(shop) == taken)
        try await expectTruth(shop, api, taken)

        // Another file under the same name, and under the same key.
        try Data((String(contentsOfFile: file, encoding: .utf8) + "9999,zoe,ABC,1,1,\n").utf8).write(
            to: URL(fileURLWithPath: file))
        #expect(try shop.output("import", file, "--url", api.client.base) == "")
        #expect(try stored(shop) == taken)
    }

    private func stored(_ shop: Shop) throws -> Int {
        let rows = try shop.query("SELECT count(*) FROM events WHERE version = 1 AND category = 'order'", in: "orders")
        return Int(rows.first?.first ?? "") ?? -1
    }

    /// What the API says of the batches is what the views say of their orders, and each end was told once.
    private func expectTruth(_ shop: Shop, _ api: Daemon, _ taken: Int) async throws {
        try eventually(within: .seconds(90), "the views have every end") {
            try shop.query(
                "SELECT status, count(*) FROM order_views GROUP BY 1 ORDER BY 1", in: "views"
            ) == [["cancelled", "\(Self.declined)"], ["confirmed", "\(taken - Self.declined)"]]
        }
        let ids = try shop.query("SELECT batch_id FROM batches ORDER BY 1", in: "orders").map { $0[0] }
        #expect(ids.count == 2)
        var (accepted, cancelled) = (0, 0)
        for id in ids {
            let state = try await api.client.get("/batches/\(id)?failed=true&limit=1000").json()
            #expect(state["state"] as? String == "completed" && state["pending"] as? Int == 0)
            accepted += state["accepted"] as? Int ?? 0
            let failed = (state["failed"] as? [[String: any Sendable]] ?? []).filter {
                $0["status"] as? String == "cancelled"
            }
            cancelled += failed.count
            for failure in failed {
                let order = try #require(failure["orderId"] as? String)
                #expect(try await api.client.view(order)?["status"] as? String == "cancelled")
            }
            #expect(try await ShopClient(port: api.port, tenant: "other").get("/batches/\(id)").status == 404)
        }
        #expect(accepted == taken && cancelled == Self.declined)
        let facts = try shop.records(of: "order-events", awaiting: ids.count, "BatchCompleted").filter {
            $0.type == "BatchCompleted"
        }
        #expect(facts.compactMap(\.key).sorted() == ids)
        #expect(facts.reduce(0) { $0 + ($1.payload["confirmed"] as? Int ?? 0) } == taken - Self.declined)
        for service in ["orders", "inventory", "payment", "shipping", "views", "saga"] {
            #expect(try shop.query("SELECT count(*) FROM dead_letters", in: service) == [["0"]], "\(service)")
        }
        let verified = try shop.output("status", "--verify", "--settle", "0s")
        #expect(!verified.contains("a batch"), "\(verified)")
    }
}
