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

    /// Applies a fact of this type. Every fact has this one; it is a requirement so that it is compiled for each of them.
    static func apply(_ folded: FoldedFact, to view: inout OrderView) -> Bool
}

extension OrderViewFact {
    package var detail: OrderView.Entry.Detail { OrderView.Entry.Detail() }
}

extension OrderView {
    /// Those that nearly every order has come first.
    private static let parts: [any OrderViewFact.Type] = [
        OrderCreated.self, StockReserved.self, PaymentProcessed.self, ShipmentCreated.self, OrderConfirmed.self,
        NotificationSent.self, ShipmentDispatched.self, OrderCancellationRequested.self, OrderCancelled.self,
        StockRejected.self, StockReleased.self, PaymentFailed.self, PaymentRefunded.self, PaymentVoided.self,
        PaymentRefundFailed.self, ShipmentFailed.self, ShipmentCancelled.self, OrderScheduled.self, OrderWithdrawn.self,
    ]
    private static let identities = parts.map { ObjectIdentifier($0) }
    private static let names = Dictionary(uniqueKeysWithValues: parts.map { ($0.type, $0) })

    /// By its name on the wire; nil for the facts of others, which only stand in the timeline.
    static func part(_ type: String) -> (any OrderViewFact.Type)? { names[type] }

    /// Of a payload: a few words to compare, where a dictionary would hash a text for every fact.
    static func part(_ payload: any MessagePayload.Type) -> (any OrderViewFact.Type)? {
        identities.firstIndex(of: ObjectIdentifier(payload)).map { parts[$0] }
    }
}

/// A fact on its way into a view.
package struct FoldedFact: Sendable {
    let payload: any MessagePayload
    let id: String
    let origin: String?
    let streamVersion: Int?
    /// As it came, of a type that has no part in the view; else empty.
    let json: [UInt8]
    let schemaVersion: Int
}

extension OrderView {
    /// Bytes of a payload of others that are kept; of a longer one there is only the entry.
    static let keptPayload = 16 << 10

    /// Applies one fact, of whatever type. False when it was applied before.
    mutating func apply(_ fact: FoldedFact) -> Bool {
        let type = Swift.type(of: fact.payload)
        if let part = Self.part(type) { return part.apply(fact, to: &self) }
        guard let content = fact.payload as? any OrderFact else { return false }
        var detail = Entry.Detail()
        if fact.json.count <= Self.keptPayload {
            detail.payload = Entry.KeptPayload(json: fact.json, schemaVersion: fact.schemaVersion)
        }
        return note(
            Entry(
                type: type.type, at: content.at, id: fact.id, origin: fact.origin, version: fact.streamVersion,
                detail: detail))
    }
}

extension OrderViewFact {
    package static func apply(_ folded: FoldedFact, to view: inout OrderView) -> Bool {
        guard let fact = folded.payload as? Self else { return false }
        return view.apply(
            fact,
            as: OrderView.Entry(
                type: type, at: fact.at, id: folded.id, origin: folded.origin, version: folded.streamVersion,
                detail: fact.detail))
    }
}
