import OrderflowKit

/// Everything that the services' databases and the topic say of one order.
public struct OrderEvidence: Sendable {
    /// An event as the event store has it.
    struct Event: Hashable, Sendable {
        let id: String
        let type: String
        let version: Int
        /// Announced by a foreign producer on the topic, and kept here afterwards.
        var isAdopted = false
        /// The relay says that it is on the topic.
        var isPublished = true
    }

    /// The records of one fact on the topic.
    struct Fact: Hashable, Sendable {
        /// Source and id (`EventIdentity`).
        let id: String
        /// The id alone, by which read models know facts that an earlier version has folded.
        var plainID: String?
        let type: String
        /// More than one: the same message several times, which consumers recognise by its id.
        var copies = 1
        /// Of what the order service itself says.
        var streamVersion: Int?
        /// What there must be only one of: the reference of a payment, the id of a shipment, the kind of a mail.
        var detail: String?
        /// Groups that haven't read it yet.
        var unreadBy: Set<String> = []
    }

    struct Payment: Hashable, Sendable {
        let status: String
        var chargeReference: String?
        var refundReference: String?
    }

    struct Mail: Hashable, Sendable {
        let kind: String
        let status: String
        /// Of the last try.
        var error: String?
    }

    /// What the read model's document says.
    struct View: Hashable, Sendable {
        let status: String
        /// Identities of the facts that it was made of.
        let facts: Set<String>
        /// The time of the latest, by whoever told it, microseconds since the Unix epoch.
        var toldAt: Int64 = 0
    }

    struct Saga: Hashable, Sendable {
        let status: String
        var attention: String?
    }

    public let key: OrderKey
    var events: [Event] = []
    var facts: [Fact] = []
    /// Status of the stock reservation.
    var reservation: String?
    var payment: Payment?
    /// Status of the shipment.
    var shipment: String?
    var mails: [Mail] = []
    var view: View?
    var saga: Saga?
    /// Groups for which the order's key is parked behind a dead letter.
    var parkedBy: Set<String> = []
    /// The last change of any of these, microseconds since the Unix epoch.
    var changedAt: Int64 = 0

    init(key: OrderKey) { self.key = key }
}
