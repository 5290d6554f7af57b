/// Where an order is.
public enum OrderStatus: String, Hashable, Sendable, CaseIterable {
    /// To be placed at a time of its own.
    case scheduled
    case pending, cancelling, confirmed, cancelled
}
