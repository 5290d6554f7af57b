import HTTPServer
import Messaging
import OrderflowKit
import Orders

/// Who may have orders go ahead of others, and whether any do. What is decided here holds for all that becomes of the
/// order: its events say it, and what they cause follows.
struct OrderPriorities: Sendable {
    private let hasLanes: Bool

    /// - Parameter hasLanes: `lanes.express`; without, an express order is taken, and goes with all others.
    init(hasLanes: Bool) { self.hasLanes = hasLanes }

    /// Throws 403, with a pointer, for a caller that lacks `orders:express`.
    func priority(of order: OrderRequest, for context: RequestContext) throws(HTTPProblem) -> Priority {
        guard order.isExpress else { return .ordinary }
        try context.demand(.ordersExpress, for: Self.pointer)
        return hasLanes ? .express : .ordinary
    }

    static let pointer = "/priority"
}

extension OrderStreams {
    /// Of an order, by the metadata of its first event, which isn't parsed.
    static func priority(_ metadata: [UInt8]) -> Priority {
        metadata.containsMember(expressMember) ? .express : .ordinary
    }

    /// As `EventMetadata.json()` writes it. A quote inside of a text is escaped there, so that no value reads so.
    private static let expressMember = Array(#""priority":"express""#.utf8)
}
