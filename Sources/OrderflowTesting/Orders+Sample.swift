import OrderFacts
import Orders

extension OrderCreated {
    /// An order of one piece of `ABC`, paid in whole dollars.
    public static func sample(_ id: String = "o-1", userID: String = "alice", dollars: Int64 = 42) -> OrderCreated {
        OrderCreated(
            orderID: id, userID: userID, items: [OrderLine(sku: "ABC", quantity: 1)],
            total: Money(minorUnits: dollars * 100, currency: .usd), createdAt: 0, email: nil, shippingAddress: nil,
            paymentToken: nil)
    }
}
