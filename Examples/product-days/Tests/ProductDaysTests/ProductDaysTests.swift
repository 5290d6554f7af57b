import OrderFacts
import OrderflowApp
import OrderflowTesting
import Orders
import ProductDays
import Testing
import UserFacts

@Suite(.blocking) struct ProductDaysTests {
    private func confirmed(_ id: String, at: Int64) -> OrderConfirmed {
        OrderConfirmed(orderID: id, userID: "alice", total: Money(minorUnits: 4_200, currency: .usd), at: at)
    }

    @Test func confirmedOrdersCountOnTheirDay() throws {
        let bench = try ServiceBench(.productDays, among: .standard)
        let day: Int64 = 86_400_000_000
        for id in ["o-1", "o-2", "o-3"] { try bench.handle(OrderCreated.sample(id)) }
        try bench.handle(confirmed("o-1", at: 0), confirmed("o-2", at: day - 1))
        // Copies: no order counts twice, nor on another day.
        try bench.handle(OrderCreated.sample("o-1"), confirmed("o-1", at: day))
        try bench.handle(OrderCreated.sample("o-1"), tenant: "acme")
        try bench.handle(confirmed("o-1", at: day), tenant: "acme")
        #expect(
            try bench.get("/product-days/ABC").body
                == #"{"sku":"ABC","days":[{"day":"1970-01-01","orders":2,"pieces":2}]}"#)
        #expect(try bench.get("/product-days/ABC?limit=0").status == 400)
        #expect(try bench.get("/product-days/XYZ").body == #"{"sku":"XYZ","days":[]}"#)
        // Whose name hasn't been heard yet.
        #expect(
            try bench.get("/product-days/ABC/buyers").body
                == #"{"sku":"ABC","buyers":[{"userId":"alice","orders":2}]}"#)
        #expect(try bench.rebuild("product-days") == [])
    }

    @Test func buyersAreKnownByName() throws {
        let bench = try ServiceBench(.productDays, group: "product-days-buyers-group", among: .standard)
        try bench.handle(UserCreated(userID: "alice", name: "Alice", email: "alice@example.com", createdAt: 2))
        try bench.handle(UserCreated(userID: "alice", name: "Al", email: "alice@example.com", createdAt: 1))
        #expect(try bench.rows("SELECT user_id, name FROM buyers") == [["alice", "Alice"]])
        #expect(try bench.rebuild("buyers") == [])
    }
}
