import Messaging
import OrderFacts
import Orders

/// The denormalised order as readers want it: one document from the facts of all services.
///
/// Folding is tolerant: facts may come twice, and those of different services in any order. Every part is decided by
/// what the facts say, not by which came last, so that a rebuild from offset zero gives the same document.
package struct OrderView: Hashable, Sendable {
    /// A class, for a view has several, which are copied with it each time that a fact changes it.
    package final class Entry: Hashable, Sendable {
        package let type: String
        package let at: Int64
        /// `ce_id` of the fact's message.
        package let id: String
        /// `ce_source`; nil where it isn't said, and in entries from before it was kept.
        package let origin: String?
        /// Stream version, of the order's own facts.
        package let version: Int?
        package let detail: Detail
        /// As it stands in documents: written once, though its view is written with each fact that comes later.
        let json: [UInt8]

        package init(
            type: String, at: Int64, id: String, origin: String? = nil, version: Int? = nil, detail: Detail = Detail()
        ) {
            self.type = type
            self.at = at
            self.id = id
            self.origin = origin
            self.version = version
            self.detail = detail
            json = Self.json(type: type, at: at, id: id, origin: origin, version: version, detail)
        }

        package static func == (left: Entry, right: Entry) -> Bool {
            left.json == right.json && left.origin == right.origin
        }

        package func hash(into hasher: inout Hasher) { hasher.combine(id) }

        /// What a later fact may cover up in the document's parts: with it, the past can be told (`asOf`).
        package struct Detail: Hashable, Sendable {
            package var reason: String?
            package var amount: Money?
            package var reference: String?
            package var shipmentID: String?
            package var trackingNumber: String?
            /// Of a fact of a type that the view doesn't know: it is kept, so that a version that does can fold it.
            package var payload: KeptPayload?
            /// Members that this version of the program doesn't know, as they were written.
            package var others: [Other] = []
        }

        /// A payload as it came.
        package struct KeptPayload: Hashable, Sendable {
            package let json: [UInt8]
            package let schemaVersion: Int
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

    package let orderID: String
    /// Nil until OrderCreated is seen; as OrderScheduled has it while the order waits for its time.
    package var created: OrderCreated?
    package var status: OrderStatus = .pending
    /// Of an order with a time of its own: when it is to be placed, or was.
    package var placeAt: Int64?
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
    package mutating func apply(_ fact: some OrderViewFact, as entry: Entry) -> Bool {
        guard note(entry) else { return false }
        fact.change(&self, as: entry)
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
    mutating func advance(to new: OrderStatus, _ streamVersion: Int?) {
        if let streamVersion {
            guard streamVersion > version else { return }
            version = streamVersion
            status = new
        } else {
            if version == 0 || Self.rank(new) > Self.rank(status) { status = new }
            version = max(version, 1)
        }
    }

    private static func rank(_ status: OrderStatus) -> Int {
        switch status {
        case .scheduled: 0
        case .pending: 1
        case .cancelling: 2
        case .confirmed: 3
        case .cancelled: 4
        }
    }
}
