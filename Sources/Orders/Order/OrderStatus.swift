/// Where an order is.
public enum OrderStatus: String, Hashable, Sendable, CaseIterable {
    case pending, cancelling, confirmed, cancelled
}
