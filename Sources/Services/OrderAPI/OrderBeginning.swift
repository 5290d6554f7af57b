import Messaging
import OrderFacts
import Orders

/// The first event of an order's stream.
enum OrderBeginning: Hashable, Sendable {
    case created(OrderCreated)
    case scheduled(OrderScheduled)

    init(_ order: OrderRequest, orderID: String, at now: Int64) {
        if let placeAt = order.placeAt {
            self = .scheduled(OrderScheduled(order, placedAt: placeAt, orderID: orderID, at: now))
        } else {
            self = .created(OrderCreated(order, orderID: orderID, at: now))
        }
    }

    /// Nil for an event that no order begins with.
    init?(_ event: OrderEvent) {
        switch event {
        case .created(let created): self = .created(created)
        case .scheduled(let scheduled): self = .scheduled(scheduled)
        case .confirmed, .cancellationRequested, .cancelled, .withdrawn: return nil
        }
    }

    var event: OrderEvent {
        switch self {
        case .created(let created): .created(created)
        case .scheduled(let scheduled): .scheduled(scheduled)
        }
    }

    var orderID: String {
        switch self {
        case .created(let created): created.orderID
        case .scheduled(let scheduled): scheduled.orderID
        }
    }

    var userID: String {
        switch self {
        case .created(let created): created.userID
        case .scheduled(let scheduled): scheduled.userID
        }
    }

    /// Microseconds since the Unix epoch.
    var at: Int64 {
        switch self {
        case .created(let created): created.createdAt
        case .scheduled(let scheduled): scheduled.at
        }
    }
}
