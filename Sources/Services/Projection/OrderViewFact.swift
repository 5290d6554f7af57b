import InventoryFacts
import NotificationFacts
import OrderFacts
import Orders
import PaymentFacts
import ShippingFacts

/// A fact that has a part in the order's view. All others about an order stand in its timeline with their payload.
package protocol OrderViewFact: OrderFact {
    /// What a later fact may cover up in the document's parts.
    var detail: OrderView.Entry.Detail { get }

    /// What the fact does beyond its entry in the timeline.
    func change(_ view: inout OrderView, as entry: OrderView.Entry)

    /// The fact behind an entry of `view`, as far as `change` looks at it; nil where that is gone.
    ///
    /// - Parameter past: the view as it was before the entry.
    init?(_ entry: OrderView.Entry, in view: OrderView, of order: OrderCreated, after past: OrderView)
}

extension OrderViewFact {
    package var detail: OrderView.Entry.Detail { OrderView.Entry.Detail() }
}

extension OrderView {
    /// By their names on the wire.
    private static let parts: [String: any OrderViewFact.Type] = {
        let facts: [any OrderViewFact.Type] = [
            OrderCreated.self, OrderConfirmed.self, OrderCancellationRequested.self, OrderCancelled.self,
            StockReserved.self, StockRejected.self, StockReleased.self,
            PaymentProcessed.self, PaymentFailed.self, PaymentRefunded.self, PaymentVoided.self,
            PaymentRefundFailed.self,
            ShipmentCreated.self, ShipmentFailed.self, ShipmentDispatched.self, ShipmentCancelled.self,
            NotificationSent.self,
        ]
        return Dictionary(uniqueKeysWithValues: facts.map { ($0.type, $0) })
    }()

    /// Nil for the facts of others, which only stand in the timeline.
    static func part(_ type: String) -> (any OrderViewFact.Type)? { parts[type] }
}

/// A fact on its way into a view.
struct FoldedFact: Sendable {
    let payload: any MessagePayload
    let id: String
    let origin: String?
    let streamVersion: Int?
    /// As it came.
    let json: [UInt8]
    let schemaVersion: Int
}

extension OrderView {
    /// Bytes of a payload of others that are kept; of a longer one there is only the entry.
    static let keptPayload = 16 << 10

    /// Applies one fact, of whatever type. False when it was applied before.
    mutating func apply(_ fact: FoldedFact) -> Bool {
        let type = Swift.type(of: fact.payload).type
        if let part = Self.part(type) { return part.apply(fact, to: &self) }
        guard let content = fact.payload as? any OrderFact else { return false }
        var detail = Entry.Detail()
        if fact.json.count <= Self.keptPayload {
            detail.payload = Entry.KeptPayload(json: fact.json, schemaVersion: fact.schemaVersion)
        }
        return note(
            Entry(
                type: type, at: content.at, id: fact.id, origin: fact.origin, version: fact.streamVersion,
                detail: detail))
    }
}

extension OrderViewFact {
    fileprivate static func apply(_ folded: FoldedFact, to view: inout OrderView) -> Bool {
        guard let fact = folded.payload as? Self else { return false }
        return view.apply(
            fact,
            as: OrderView.Entry(
                type: type, at: fact.at, id: folded.id, origin: folded.origin, version: folded.streamVersion,
                detail: fact.detail))
    }
}
