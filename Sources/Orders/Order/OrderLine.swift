/// One line of an order.
public struct OrderLine: Hashable, Sendable {
    /// How many pieces a line may be of, however it was made: a million lines of as many fit an `Int64` many times over.
    public static let quantities: ClosedRange<Int64> = 1...1_000_000

    public let sku: String
    public let quantity: Int

    public init(sku: String, quantity: Int) {
        self.sku = sku
        self.quantity = quantity
    }
}
