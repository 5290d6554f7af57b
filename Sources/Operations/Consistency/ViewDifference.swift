import OrderflowKit
import Orders
import Projection

/// What a read model says of an order, and the event store doesn't.
public struct ViewDifference: Hashable, Sendable {
    public enum Model: String, Hashable, Sendable, CaseIterable { case orders, invoices, sales }

    public let model: Model
    /// In words, for an operator.
    public let text: String
}

extension ViewDifference {
    /// What differs of an order whose last event all read models have had time for.
    static func between(_ stored: StoredOrders.State, _ viewed: ViewedOrders.State?) -> [ViewDifference] {
        let viewed = viewed ?? ViewedOrders.State()
        var found: [ViewDifference] = []
        if !viewed.parkedBy.contains(ReadModelGroup.orders), let text = order(stored, viewed) {
            found.append(ViewDifference(model: .orders, text: text))
        }
        // What is parked waits for an operator, who knows.
        if !viewed.parkedBy.contains(ReadModelGroup.invoices), let text = purchase(stored, viewed.invoice) {
            found.append(ViewDifference(model: .invoices, text: text))
        }
        if !viewed.parkedBy.contains(ReadModelGroup.sales), let text = purchase(stored, viewed.sale) {
            found.append(ViewDifference(model: .sales, text: text))
        }
        return found
    }

    private static func order(_ stored: StoredOrders.State, _ viewed: ViewedOrders.State) -> String? {
        guard let version = viewed.version, let status = viewed.status else { return "doesn't have it" }
        guard version == stored.version else { return "is at version \(version), the event store at \(stored.version)" }
        return status == stored.status.rawValue ? nil : "says \(status), the event store \(stored.status.rawValue)"
    }

    private static func purchase(_ stored: StoredOrders.State, _ status: Purchase.Status?) -> String? {
        guard stored.wasPlaced else {
            return status.map { "says \($0), and the event store that it was never placed" }
        }
        guard let status else { return "doesn't have it" }
        let expected: Purchase.Status =
            switch stored.status {
            case .scheduled, .pending, .cancelling: .pending
            case .confirmed: .confirmed
            case .cancelled: .cancelled
            }
        return status == expected ? nil : "says \(status), the event store \(expected)"
    }
}
