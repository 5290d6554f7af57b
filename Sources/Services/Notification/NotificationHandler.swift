import Execution
import JSON
import Messaging
import NotificationFacts
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts
import Postgres

/// Turns facts into the intent to send a mail. The sending is `Mailer`'s: nothing outside of PostgreSQL happens in a
/// consumer's transaction.
struct NotificationHandler: BatchHandler {
    private let contacts: Replica
    /// The right side of Message-IDs.
    let messageDomain: String
    /// What is asked for so long after what it tells of isn't sent; nil sends everything.
    var expiresAfter: Duration?
    var reminders: Reminders
    var topic: String
    var source: String
    /// Of the mailers beside it; without one, mails wait in the table until a mailer looks.
    var desk: MailDesk?

    /// - Parameter recipientDomain: see `Replica.contacts`.
    init(
        recipientDomain: String, messageDomain: String, expiresAfter: Duration? = nil,
        reminders: Reminders = Reminders(),
        topic: String = Topic.orderEvents.defaultName, source: String = "/orderflow/notification", desk: MailDesk? = nil
    ) {
        contacts = .contacts(recipientDomain: recipientDomain)
        self.messageDomain = messageDomain
        self.expiresAfter = expiresAfter
        self.reminders = reminders
        self.topic = topic
        self.source = source
        self.desk = desk
    }

    private static let reads: FactCatalogue = [
        OrderCreated.self, OrderConfirmed.self, OrderCancelled.self, PaymentRefunded.self, OrderScheduled.self,
        OrderWithdrawn.self, OrderReminderDue.self,
    ]
    var types: Set<String> { Self.reads.types }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        var contacts = ReplicaFold(self.contacts)
        var wishes: [MailWish] = []
        var withdrawn: Set<OrderKey> = []
        var reminded: [OrderKey: OutgoingEvent] = [:]
        for message in messages {
            guard let fact = try message.payload(of: Self.reads) else { continue }
            let key = OrderKey(tenant: message.tenant, orderID: fact.key)
            contacts.add(fact, of: message)
            if let order = fact as? OrderScheduled {
                let now = WallClock.nowMicroseconds()
                reminded[key] = try reminders.reminder(of: order, message, topic: topic, source: source, at: now)
            } else if fact is OrderWithdrawn {
                withdrawn.insert(key)
            } else if let wish = MailWish(fact, of: key, message) {
                wishes.append(wish)
            }
        }
        // What a copy of an order finds waiting is the same.
        try Reminders.forget(withdrawn.union(reminded.keys), on: connection)
        outbox += reminded.filter { !withdrawn.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
        wishes += try MailStore.save(contacts, on: connection)
        guard !wishes.isEmpty else { return }
        var known = try MailStore.contacts(of: Set(wishes.map(\.key)).sorted(), on: connection)
        // Of an order that was withdrawn meanwhile nobody is reminded.
        wishes.removeAll { $0.template == .orderReminder && known[$0.key]?.recipient == nil }
        let early = wishes.filter { known[$0.key] == nil }
        if !early.isEmpty {
            // Another process may be adding the contact at this moment: the rows in `contacts` are where we meet.
            let met = try MailStore.awaitContacts(of: Set(early.map(\.key)).sorted(), on: connection)
            known.merge(met) { $1 }
            try MailStore.addEarly(early.filter { met[$0.key] == nil }, on: connection)
        }
        let expired = try add(wishes.compactMap { wish in known[wish.key].map { intent(wish, $0) } }, on: connection)
        outbox += try expired.map { try $0.expiredFact(topic: topic, source: source, at: WallClock.nowMicroseconds()) }
    }

    /// Writes mails; as many as there are places for as claimed by this process, whose mailers get them when they are
    /// committed. Returns those that came too late to be sent.
    private func add(_ intents: [MailStore.Intent], on connection: Connection) throws -> [MailStore.Mail] {
        let addressed = intents.count { $0.recipient != nil }
        guard let desk, addressed > 0 else {
            return try MailStore.add(intents, on: connection).filter { $0.expiredAt != nil }
        }
        let places = desk.reserve(addressed, areExpress: intents.allSatisfy { $0.priority == .express })
        let sendBy = ContinuousClock.now + desk.lease / 3
        do {
            let added = try MailStore.add(intents, claimed: places, lease: desk.lease, on: connection)
            let mails = added.filter { $0.expiredAt == nil }.map { MailDesk.Claimed(mail: $0, sendBy: sendBy) }
            try connection.whenEnded { isCommitted in
                if isCommitted {
                    desk.hand(mails, unused: places - mails.count, mayBeDue: addressed > places)
                } else {
                    desk.free(places)
                }
            }
            return added.filter { $0.expiredAt != nil }
        } catch {
            desk.free(places)
            throw error
        }
    }

    private func intent(_ wish: MailWish, _ contact: MailStore.Contact) -> MailStore.Intent {
        let content = MailTemplate.Content(
            orderID: wish.key.orderID, userID: contact.userID,
            amount: wish.amount ?? "\(contact.total) \(contact.currency)", reason: wish.reason,
            placeAt: wish.template == .orderReminder ? wish.reason : nil)
        // From order and kind alone: it is the same mail in every process and at every try.
        let kind = wish.template.rawValue
        let id = UUIDText.v5(name: "\(contact.key.tenant)\0\(contact.key.orderID)\0\(kind)")
        return MailStore.Intent(
            key: contact.key, kind: kind, recipient: contact.recipient, subject: wish.template.subject(content),
            body: wish.template.body(content), messageID: "\(kind).\(id)@\(messageDomain)",
            correlationID: wish.correlationID, causationID: wish.causationID, traceparent: wish.traceparent,
            priority: wish.priority,
            expiresAt: expiresAfter.map { min(RFC3339.range.upperBound, wish.time + $0.microseconds) })
    }
}
