import OrderAPI
import OrderFacts
import Postgres
import Projection
import TestServers
import Testing

@testable import OrderflowTesting

/// The bench that tests of another team's service stand on.
@Suite(.blocking, .servers) struct ServiceBenchTests {
    @Test func aReadModelIsMadeAnewFromWhatTheBenchHasHandled() throws {
        let bench = try ServiceBench(.projection, group: "projection-group", among: [.api])
        let orders = (1...3).map { OrderCreated.sample("o-\($0)", dollars: Int64($0)) }
        for order in orders { try bench.handle(order, order) }
        try bench.handle(
            OrderConfirmed(orderID: "o-2", userID: orders[1].userID, total: orders[1].total, at: 1))
        #expect(
            try bench.rows("SELECT status FROM order_views ORDER BY order_id") == [
                ["pending"], ["confirmed"], ["pending"],
            ])
        let first = try bench.rebuild("orders")
        #expect(first == [])
        // Again, over the tables that were exchanged; and where the live ones aren't what their messages say.
        let second = try bench.rebuild("orders")
        #expect(second == [])
        try bench.connection.script("UPDATE order_views SET user_id = 'eve' WHERE order_id = 'o-3'")
        let third = try bench.rebuild("orders")
        #expect(third == ["order_views: 1 rows differ, 0 only live, 0 only rebuilt"])
        #expect(throws: NoSuchReadModel.self) { try bench.rebuild("points") }
    }
}
