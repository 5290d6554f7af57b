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
        let earn = EarnPoints(orderID: "o-1", userID: "alice", points: 42)
        #expect(try loyalty.handle(earn, earn).allSatisfy { $0 is PointsEarned })
        #expect(try loyalty.get("/loyalty/alice").body == #"{"points":42}"#)
        #expect(try loyalty.handle(TakeBackPoints(orderID: "o-1")).first is PointsTakenBack)
        try loyalty.handle(earn)
        #expect(try loyalty.get("/loyalty/alice").body == #"{"points":0}"#)
        #expect(try loyalty.rebuild("points") == [])
    }

    @Test func theSagaAsksForPointsAndHasThemTakenBack() throws {
        var order = try SagaBench(.standard + [.loyalty])
        let created = OrderCreated.sample(dollars: 42)
        try order.receive(created)
        try order.receive(StockReserved(orderID: "o-1", items: created.items, at: 0))
        let paid = PaymentProcessed(orderID: "o-1", amount: created.total, reference: "r", at: 0)
        #expect(try order.receive(paid) == ["EarnPoints"])
        try order.receive(ShipmentFailed(orderID: "o-1", reason: "no carrier", at: 0))
        #expect(order.status == "compensating" && order.commands.contains { $0.type == "TakeBackPoints" })
    }
}
