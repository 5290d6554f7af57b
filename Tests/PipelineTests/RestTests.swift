import Foundation
import TestServers
import TestShop
import Testing

/// A shop without orders leaves its machine alone.
@Suite(.serialized, .servers) struct RestTests {
    /// A pulse and a look of each relay each second, and what is looked for every few seconds.
    private static let limit = 6.0
    private static let span: Duration = .seconds(5)

    @Test(.waiting) func noDatabaseIsAskedMoreThanAFewTimesASecond() async throws {
        let shop = try Shop()
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        // What there was to do leaves nothing behind that goes on.
        let id = try await up.client.order()
        try eventually(within: .seconds(60), "the order is settled") {
            try shop.query("SELECT status FROM order_views WHERE order_id = '\(id)'", in: "views") == [["confirmed"]]
        }
        var rates: [String: Double] = [:]
        try await eventually(within: .seconds(90), "it comes to rest") {
            let before = try Self.transactions(shop)
            try await Task.sleep(for: Self.span)
            for (database, count) in try Self.transactions(shop) {
                rates[database] = Double(count - before[database, default: 0]) / (Self.span / .seconds(1))
            }
            return rates.values.allSatisfy { $0 <= Self.limit }
        }
        #expect(rates.count >= 7)
        #expect(try up.terminate() == 0)
    }

    private static func transactions(_ shop: Shop) throws -> [String: Int] {
        try shop.query(
            "SELECT datname, xact_commit + xact_rollback FROM pg_stat_database WHERE datname LIKE 'orderflow_%'",
            in: "orders"
        ).reduce(into: [:]) { counts, row in
            let count: Int = try #require(Int(row[1]))
            counts[row[0]] = count
        }
    }
}
