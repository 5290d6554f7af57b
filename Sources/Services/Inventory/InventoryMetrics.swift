import Metrics

/// What inventory has answered.
struct InventoryMetrics: Sendable {
    private let reserved = counter("reserved")
    private let rejected = counter("rejected")
    private let released = counter("released")
    private let expired = counter("expired")

    private static func counter(_ outcome: String) -> Counter {
        Counter(label: "orderflow_stock_requests_total", dimensions: [("outcome", outcome)])
    }

    /// Counts answers that are about to be committed: a transaction that fails and comes again counts again.
    func answered(_ answers: [StockReservation.Answer]) {
        for answer in answers {
            switch answer {
            case .reserved: reserved.increment()
            case .rejected: rejected.increment()
            case .expired: expired.increment()
            case .released: released.increment()
            }
        }
    }
}
