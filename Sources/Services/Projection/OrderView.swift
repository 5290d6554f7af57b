import Messaging
import Orders

/// The denormalised order as readers want it: one document from the facts of all services.
///
/// Folding is tolerant: facts may come twice, and those of different services in any order. Every part is decided by
/// what the facts say, not by which came last, so that a rebuild from offset zero gives the same document.
package struct OrderView: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package let type: String
        package let at: Int64
        /// `ce_id` of the fact's message.
        package let id: String
        /// `ce_source`; nil where it isn't said, and in entries from before it was kept.
        package var origin: String?
        /// Stream version, of the order's own facts.
        package var version: Int?
        package var detail = Detail()

        /// What a later fact may cover up in the document's parts: with it, the past can be told (`asOf`).
        package struct Detail: Hashable, Sendable {
            package var reason: String?
            package var amount: Money?
            package var reference: String?
            package var shipmentID: String?
            package var trackingNumber: String?
            /// Members that this version of the program doesn't know, as they were written.
            package var others: [Other] = []
        }

        package struct Other: Hashable, Sendable {
            package let name: String
            package let json: [UInt8]
        }

        /// What makes a second copy of the fact recognisable.
        package var identity: String { EventIdentity.text(source: origin, id: id) }

        package func comes(before other: Entry) -> Bool {
            at == other.at ? identity < other.identity : at < other.at
        }

        /// The same fact, or one that an earlier version has noted without its source.
        package func isCopy(of other: Entry) -> Bool {
            guard id == other.id else { return false }
            return origin == other.origin || identity == other.identity
                || origin == nil && type == other.type && at == other.at
        }
    }

    package struct Payment: Hashable, Sendable {
        package enum Status: Int, Sendable, CaseIterable { case failed, charged, refundFailed, voided, refunded }
        package var status: Status
        package var amount: Money?
        package var reference: String?
        package var reason: String?
        package var at: Int64
    }

    package struct ShipmentPart: Hashable, Sendable {
        package enum Status: Int, Sendable, CaseIterable { case failed, prepared, dispatched, cancelled }
        package var status: Status
        package var shipmentID: String?
        package var trackingNumber: String?
        package var reason: String?
        package var at: Int64
    }

    package struct Stock: Hashable, Sendable {
        package enum Status: Int, Sendable, CaseIterable { case rejected, reserved, released }
        package var status: Status
        package var reason: String?
        package var at: Int64
    }

    package struct Notification: Hashable, Sendable {
        package let kind: String
        package let recipient: String
        package let messageID: String
        package let sentAt: Int64
    }

    package let orderID: String
    /// Nil until OrderCreated is seen.
    package var created: OrderCreated?
    package var status: Order.Status = .pending
    package var cancellationReason: String?
    /// Highest stream version of the order's own facts.
    package var version = 0
    /// Facts applied.
    package var revision = 0
    package var updatedAt: Int64 = 0
    package var stock: Stock?
    package var payment: Payment?
    package var shipment: ShipmentPart?
    package var notifications: [Notification] = []
    package var timeline: [Entry] = []

    package init(orderID: String) { self.orderID = orderID }

    /// Applies one fact. False when it was applied before.
    package mutating func apply(_ fact: OrderFact, id: String, origin: String? = nil, streamVersion: Int?) -> Bool {
        apply(
            fact,
            as: Entry(
                type: fact.kind.type, at: fact.at, id: id, origin: origin, version: streamVersion,
                detail: Entry.Detail(fact.kind)))
    }

    package mutating func apply(_ fact: OrderFact, as entry: Entry) -> Bool {
        guard note(entry) else { return false }
        let streamVersion = entry.version
        switch fact.kind {
        case .orderCreated(let order):
            if created == nil { created = order }
            advance(to: .pending, streamVersion)
        case .orderConfirmed: advance(to: .confirmed, streamVersion)
        case .orderCancellationRequested(let reason):
            advance(to: .cancelling, streamVersion)
            if cancellationReason == nil { cancellationReason = reason }
        case .orderCancelled(_, _, let reason):
            advance(to: .cancelled, streamVersion)
            cancellationReason = reason
        case .stockReserved: set(Stock(status: .reserved, at: fact.at))
        case .stockRejected(let reason, _): set(Stock(status: .rejected, reason: reason, at: fact.at))
        case .stockReleased: set(Stock(status: .released, at: fact.at))
        case .paymentProcessed(let amount, let reference):
            set(Payment(status: .charged, amount: amount, reference: reference, at: fact.at))
        case .paymentFailed(let reason): set(Payment(status: .failed, reason: reason, at: fact.at))
        case .paymentRefunded(let amount, let reference):
            set(Payment(status: .refunded, amount: amount, reference: reference, at: fact.at))
        case .paymentVoided: set(Payment(status: .voided, at: fact.at))
        case .paymentRefundFailed(let reason): set(Payment(status: .refundFailed, reason: reason, at: fact.at))
        case .shipmentCreated(let id): set(ShipmentPart(status: .prepared, shipmentID: id, at: fact.at))
        case .shipmentFailed(let reason): set(ShipmentPart(status: .failed, reason: reason, at: fact.at))
        case .shipmentDispatched(let id, let tracking):
            set(ShipmentPart(status: .dispatched, shipmentID: id, trackingNumber: tracking, at: fact.at))
        case .shipmentCancelled(let id): set(ShipmentPart(status: .cancelled, shipmentID: id, at: fact.at))
        case .notificationSent(let kind, let recipient, let messageID):
            notifications.append(
                Notification(kind: kind, recipient: recipient, messageID: messageID, sentAt: fact.at))
            notifications.sort { ($0.sentAt, $0.kind) < ($1.sentAt, $1.kind) }
        }
        return true
    }

    /// Puts an entry in its place. False when it is there.
    package mutating func note(_ entry: Entry) -> Bool {
        // A few entries: searching them costs less than a set.
        guard !timeline.contains(where: { $0.isCopy(of: entry) }) else { return false }
        let position = timeline.lastIndex { $0.comes(before: entry) }.map { $0 + 1 } ?? 0
        timeline.insert(entry, at: position)
        revision += 1
        updatedAt = max(updatedAt, entry.at)
        return true
    }

    /// The order's own facts are numbered: the highest number has the last word. Without numbers, the order of the
    /// cases has, which is that of an order's life.
    private mutating func advance(to new: Order.Status, _ streamVersion: Int?) {
        if let streamVersion {
            guard streamVersion > version else { return }
            version = streamVersion
            status = new
        } else {
            version = max(version, 1)
            if Self.rank(new) > Self.rank(status) { status = new }
        }
    }

    private static func rank(_ status: Order.Status) -> Int {
        switch status {
        case .pending: 0
        case .cancelling: 1
        case .confirmed: 2
        case .cancelled: 3
        }
    }

    private mutating func set(_ new: Stock) {
        if let stock, stock.status.rawValue >= new.status.rawValue { return }
        stock = new
    }

    private mutating func set(_ new: Payment) {
        if let payment, payment.status.rawValue >= new.status.rawValue { return }
        payment = new
    }

    private mutating func set(_ new: ShipmentPart) {
        guard var merged = shipment else {
            shipment = new
            return
        }
        if new.status.rawValue > merged.status.rawValue {
            merged.status = new.status
            merged.at = new.at
            merged.reason = new.reason
        }
        merged.shipmentID = merged.shipmentID ?? new.shipmentID
        merged.trackingNumber = merged.trackingNumber ?? new.trackingNumber
        shipment = merged
    }
}
