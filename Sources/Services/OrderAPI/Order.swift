import OrderFacts
import Orders

/// The order aggregate: what is true of one order after its events so far.
///
/// Its stream in the event store decides every race: `OrderConfirmed` and `OrderCancellationRequested` both want the
/// same next version, one gets it, and the other command is decided again on the new state.
public struct Order: Hashable, Sendable {
    public let id: String
    public let userID: String
    public let items: [OrderLine]
    public let total: Money
    public private(set) var createdAt: Int64
    public private(set) var status: OrderStatus
    /// Why the order is being or was cancelled.
    public private(set) var cancellationReason: String?
    /// What is to be placed, until it is.
    private var scheduled: OrderScheduled?
    /// Number of events so far; the stream version.
    public private(set) var version: Int

    /// The state after `event`. The first event must be `created` or `scheduled`; nil says that the history makes no sense.
    public static func evolve(_ order: Order?, _ event: OrderEvent) -> Order? {
        guard var order else {
            switch event {
            case .created(let created): return Order(created)
            case .scheduled(let scheduled): return Order(scheduled)
            case .confirmed, .cancellationRequested, .cancelled, .withdrawn: return nil
            }
        }
        switch event {
        case .scheduled: return nil
        case .created(let created):
            guard order.status == .scheduled else { return nil }
            order.status = .pending
            order.createdAt = created.createdAt
            order.scheduled = nil
        case .withdrawn(let withdrawn):
            order.status = .cancelled
            order.cancellationReason = withdrawn.reason
            order.scheduled = nil
        case .confirmed: order.status = .confirmed
        case .cancellationRequested(let request):
            order.status = .cancelling
            order.cancellationReason = request.reason
        case .cancelled(let cancelled):
            order.status = .cancelled
            order.cancellationReason = cancelled.reason
        }
        order.version += 1
        return order
    }

    /// Whether nothing can come of it any more but what is known.
    public var hasEnded: Bool { status == .confirmed || status == .cancelled }

    private init(_ scheduled: OrderScheduled) {
        self.init(scheduled.placed(at: scheduled.at))
        status = .scheduled
        self.scheduled = scheduled
    }

    private init(_ created: OrderCreated) {
        id = created.orderID
        userID = created.userID
        items = created.items
        total = created.total
        createdAt = created.createdAt
        status = .pending
        version = 1
    }
}

/// What can be asked of an order that exists.
public enum OrderCommand: Hashable, Sendable {
    /// Its time has come.
    case place
    /// Everything succeeded (saga pivot).
    case confirm
    /// The customer cancels.
    case requestCancellation(reason: String)
    /// Everything is undone (end of the saga's compensation).
    case cancel(reason: String)
}

/// Why the aggregate refuses a command.
public enum OrderRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case alreadyConfirmed(orderID: String)
    case beingCancelled(orderID: String)
    case alreadyCancelled(orderID: String)
    case notPlaced(orderID: String)

    public var description: String {
        switch self {
        case .alreadyConfirmed(let id): "order \(id) is confirmed and released for dispatch"
        case .beingCancelled(let id): "order \(id) is being cancelled"
        case .alreadyCancelled(let id): "order \(id) is cancelled"
        case .notPlaced(let id): "order \(id) waits for its time"
        }
    }
}

extension Order {
    /// The events that `command` causes; none when it asks for what is true already, so that a repeat changes nothing.
    public func decide(_ command: OrderCommand, at now: Int64) throws(OrderRefusal) -> [OrderEvent] {
        switch (command, status) {
        case (.place, .scheduled): return (scheduled?.placed(at: now)).map { [.created($0)] } ?? []
        case (.place, _): return []
        case (.confirm, .scheduled): throw .notPlaced(orderID: id)
        // Nobody has done anything for it yet.
        case (.requestCancellation(let reason), .scheduled), (.cancel(let reason), .scheduled):
            return [.withdrawn(OrderWithdrawn(orderID: id, reason: reason, at: now))]

        case (.confirm, .pending):
            return [.confirmed(OrderConfirmed(orderID: id, userID: userID, total: total, at: now))]
        case (.confirm, .confirmed): return []
        case (.confirm, .cancelling): throw .beingCancelled(orderID: id)
        case (.confirm, .cancelled): throw .alreadyCancelled(orderID: id)

        case (.requestCancellation(let reason), .pending):
            return [.cancellationRequested(OrderCancellationRequested(orderID: id, reason: reason, at: now))]
        case (.requestCancellation, .cancelling), (.requestCancellation, .cancelled): return []
        case (.requestCancellation, .confirmed): throw .alreadyConfirmed(orderID: id)

        case (.cancel(let reason), .pending), (.cancel(let reason), .cancelling):
            // A customer's own words outlive the saga's.
            let words = status == .cancelling ? cancellationReason ?? reason : reason
            return [
                .cancelled(OrderCancelled(orderID: id, userID: userID, total: total, reason: words, at: now))
            ]
        case (.cancel, .cancelled): return []
        case (.cancel, .confirmed): throw .alreadyConfirmed(orderID: id)
        }
    }
}
