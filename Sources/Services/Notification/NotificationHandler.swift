import Execution
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts
import Postgres

/// Turns facts into the intent to send a mail. The sending is `Mailer`'s: nothing outside of PostgreSQL happens in a
/// consumer's transaction.
struct NotificationHandler: BatchHandler {
    /// The domain of recipients whose user id is the local part of an address, and no address itself.
    let recipientDomain: String
    /// The right side of Message-IDs.
    let messageDomain: String
    /// Of the mailers beside it; without one, mails wait in the table for whoever looks.
    var desk: MailDesk?
    private static let reads: FactCatalogue = [
        OrderCreated.self, OrderConfirmed.self, OrderCancelled.self, PaymentRefunded.self,
    ]
    var types: Set<String> { Self.reads.types }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        var contacts: [MailStore.Contact] = []
        var wishes: [MailWish] = []
        for message in messages {
            guard let fact = try message.payload(of: Self.reads) else { continue }
            let key = OrderKey(tenant: message.tenant, orderID: fact.key)
            if let order = fact as? OrderCreated {
                contacts.append(contact(key, order))
            } else if let wish = MailWish(fact, of: key, message) {
                wishes.append(wish)
            }
        }
        wishes += try MailStore.addContacts(contacts, on: connection)
        guard !wishes.isEmpty else { return }
        var known = try MailStore.contacts(of: Set(wishes.map(\.key)).sorted(), on: connection)
        let early = wishes.filter { known[$0.key] == nil }
        if !early.isEmpty {
            // Another process may be adding the contact at this moment: the rows in `contacts` are where we meet.
            let met = try MailStore.awaitContacts(of: Set(early.map(\.key)).sorted(), on: connection)
            known.merge(met) { $1 }
            try MailStore.addEarly(early.filter { met[$0.key] == nil }, on: connection)
        }
        try add(wishes.compactMap { wish in known[wish.key].map { intent(wish, $0) } }, on: connection)
    }

    /// Writes mails; as many as there are places for as claimed by this process, whose mailers get them when they are
    /// committed.
    private func add(_ intents: [MailStore.Intent], on connection: Connection) throws {
        let addressed = intents.count { $0.recipient != nil }
        guard let desk, addressed > 0 else {
            try MailStore.add(intents, on: connection)
            return
        }
        let places = desk.reserve(addressed, areExpress: intents.allSatisfy { $0.priority == .express })
        let sendBy = ContinuousClock.now + desk.lease / 3
        do {
            let mails = try MailStore.add(intents, claimed: places, lease: desk.lease, on: connection)
                .map { MailDesk.Claimed(mail: $0, sendBy: sendBy) }
            try connection.whenEnded { isCommitted in
                if isCommitted {
                    desk.hand(mails, unused: places - mails.count, mayBeDue: addressed > places)
                } else {
                    desk.free(places)
                }
            }
        } catch {
            desk.free(places)
            throw error
        }
    }

    private func contact(_ key: OrderKey, _ order: OrderCreated) -> MailStore.Contact {
        // A mailer refuses other addresses for good, and orders of old may have some.
        let recipient =
            [order.email, order.userID].compactMap { $0 }.first(where: EmailSyntax.isAddress)
            ?? (EmailSyntax.isLocalPart(order.userID) ? "\(order.userID)@\(recipientDomain)" : nil)
        return MailStore.Contact(
            key: key, userID: order.userID, recipient: recipient, total: order.total.decimalText,
            currency: order.total.currency.code)
    }

    private func intent(_ wish: MailWish, _ contact: MailStore.Contact) -> MailStore.Intent {
        let content = MailTemplate.Content(
            orderID: wish.key.orderID, userID: contact.userID,
            amount: wish.amount ?? "\(contact.total) \(contact.currency)", reason: wish.reason)
        // From order and kind alone: it is the same mail in every process and at every try.
        let kind = wish.template.rawValue
        let id = UUIDText.v5(name: "\(contact.key.tenant)\0\(contact.key.orderID)\0\(kind)")
        return MailStore.Intent(
            key: contact.key, kind: kind, recipient: contact.recipient, subject: wish.template.subject(content),
            body: wish.template.body(content), messageID: "\(kind).\(id)@\(messageDomain)",
            correlationID: wish.correlationID, causationID: wish.causationID, traceparent: wish.traceparent,
            priority: wish.priority)
    }
}
