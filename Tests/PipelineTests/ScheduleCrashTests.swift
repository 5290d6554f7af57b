import Foundation
import TestServers
import TestShop
import Testing

/// Hundreds of orders whose time comes while the role that moves them is killed again and again, and some of which are
/// cancelled meanwhile: each is placed or withdrawn, once.
@Suite(.servers) struct ScheduleCrashTests {
    @Test func killedMoversPlaceEachOrderOnce() async throws {
        let shop = try Shop()
        let api = try shop.daemon("api")
        try api.start()
        try await api.waitUntilReady()
        let client = ShopClient(port: api.port)
        let total = 300
        // From three seconds on, a hundred a second.
        let now = Date().timeIntervalSince1970
        let format = ISO8601DateFormatter()
        format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let lines = (0..<total).map { number in
            let time = format.string(from: Date(timeIntervalSince1970: now + 3 + Double(number) / 100))
            return #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1,"placeAt":"\#(time)"}"#
        }
        let answer = try await client.post(
            "/orders/batch", "[" + lines.joined(separator: ",") + "]", headers: ["Idempotency-Key": "\"crash\""])
        let ids = answer.text.split(separator: "\n").compactMap { line in
            (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["orderId"] as? String
        }
        #expect(ids.count == total)
        func left() throws -> Int {
            Int(try shop.query("SELECT count(*) FROM scheduled_messages", in: "orders")[0][0]) ?? -1
        }
        var cancelled: Set<String> = []
        // Killed at work, each time further on; every fifth order is cancelled, from the last one on.
        var next = total - 1
        for threshold in [260, 180, 90] {
            try await eventually("less than \(threshold) wait") { try left() < threshold }
            for _ in 0..<15 where next > 0 {
                let answer = try await client.post("/orders/\(ids[next])/cancel")
                if answer.status == 202 { cancelled.insert(ids[next]) }
                next -= 5
            }
            try api.kill()
            try api.start()
            try await api.waitUntilReady()
        }
        try await eventually(within: .seconds(40), "each order was placed or cancelled") {
            let ended = try shop.query(
                "SELECT count(DISTINCT stream_id) FROM events WHERE version = 2", in: "orders")
            return try ended == [["\(total)"]] && left() == 0
        }
        let events = try shop.query("SELECT stream_id, type FROM events WHERE version > 1", in: "orders")
        let placed = events.filter { $0[1] == "OrderCreated" }.map { $0[0] }
        let withdrawn = events.filter { $0[1] == "OrderWithdrawn" }.map { $0[0] }
        #expect(placed.count == Set(placed).count && Set(placed).isDisjoint(with: withdrawn))
        #expect(placed.count + withdrawn.count == total)
        // What was answered 202 while it waited was withdrawn; what was placed before is being cancelled.
        let cancelling = Set(events.filter { $0[1] == "OrderCancellationRequested" }.map { $0[0] })
        #expect(cancelled == Set(withdrawn).union(cancelling))
        let records = try shop.records(of: "order-events", awaiting: placed.count, "OrderCreated").filter {
            $0.type == "OrderCreated"
        }
        #expect(Set(records.compactMap { $0.headers["ce_id"] }).count == placed.count)
        #expect(Set(records.compactMap(\.key)) == Set(placed))
        #expect(try api.terminate() == 0)
    }
}
