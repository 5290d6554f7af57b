import JSON
import OrderFacts
import Orders

/// What happened to an order, as its stream in the event store keeps it: the order service's own facts.
public enum OrderEvent: Hashable, Sendable {
    case created(OrderCreated)
    case scheduled(OrderScheduled)
    case withdrawn(OrderWithdrawn)
    case confirmed(OrderConfirmed)
    case cancellationRequested(OrderCancellationRequested)
    case cancelled(OrderCancelled)

    private static let facts: FactCatalogue = [
        OrderCreated.self, OrderConfirmed.self, OrderCancellationRequested.self, OrderCancelled.self,
        OrderScheduled.self, OrderWithdrawn.self,
    ]

    /// Reads an event of the store; nil for a type that is none of an order's stream.
    public init?(type: String, _ encoded: EncodedPayload) throws(PayloadError) {
        switch try Self.facts.decode(type, encoded) {
        case let event as OrderCreated: self = .created(event)
        case let event as OrderScheduled: self = .scheduled(event)
        case let event as OrderWithdrawn: self = .withdrawn(event)
        case let event as OrderConfirmed: self = .confirmed(event)
        case let event as OrderCancellationRequested: self = .cancellationRequested(event)
        case let event as OrderCancelled: self = .cancelled(event)
        default: return nil
        }
    }

    public var type: String {
        switch self {
        case .created: OrderCreated.type
        case .scheduled: OrderScheduled.type
        case .withdrawn: OrderWithdrawn.type
        case .confirmed: OrderConfirmed.type
        case .cancellationRequested: OrderCancellationRequested.type
        case .cancelled: OrderCancelled.type
        }
    }

    /// As JSON.
    public func payload() -> [UInt8] {
        var json = JSONWriter(capacity: 320)
        json.object { json in
            switch self {
            case .created(let event): event.write(into: &json)
            case .scheduled(let event): event.write(into: &json)
            case .withdrawn(let event): event.write(into: &json)
            case .confirmed(let event): event.write(into: &json)
            case .cancellationRequested(let event): event.write(into: &json)
            case .cancelled(let event): event.write(into: &json)
            }
        }
        return json.bytes
    }
}
