import InventoryFacts
import OrderFacts
import OrderflowApp
import OrderflowTesting
import PaymentFacts
import ShippingFacts
import Testing

@testable import Loyalty

@Suite(.blocking) struct LoyaltyTests {
    @Test func pointsAreEarnedOnceAndTakenBackForGood() throws {
        let loyalty = try ServiceBench(.loyalty)
        let order = EarnPoints(orderID: "o-1", userID: "alice", points: 42)
        #expect(try loyalty.handle(order, order).map { $0 is PointsEarned } == [true, true])
        #expect(try loyalty.get("/loyalty/alice").body == #"{"points":42}"#)
        #expect(try loyalty.handle(TakeBackPoints(orderID: "o-1")).first is PointsTakenBack)
        // Also where the order to undo comes first.
        try loyalty.handle(TakeBackPoints(orderID: "o-2"), EarnPoints(orderID: "o-2", userID: "alice", points: 7), order)
        #expect(try loyalty.get("/loyalty/alice").body == #"{"points":0}"#)
    }

    @Test func theSagaAsksForPointsAndHasThemTakenBack() throws {
        var order = try SagaBench(.standard + [.loyalty])
        try order.receive(OrderCreated.sample(dollars: 42))
        try order.receive(StockReserved(orderID: "o-1", items: [], at: 0))
        let total = OrderCreated.sample(dollars: 42).total
        #expect(try order.receive(PaymentProcessed(orderID: "o-1", amount: total, reference: "r", at: 0)) == ["EarnPoints"])
        #expect(order.commands.last?.payload["points"]?.integer == 42)
        try order.receive(ShipmentFailed(orderID: "o-1", reason: "no carrier", at: 0))
        #expect(order.status == "compensating" && order.commands.contains { $0.type == "TakeBackPoints" })
    }
}
