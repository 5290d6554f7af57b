import Execution
import Messaging
import Orders
import Postgres

/// Turns facts into the intent to send a mail. The sending is `Mailer`'s: nothing outside of PostgreSQL happens in a
/// consumer's transaction.
struct NotificationHandler: BatchHandler {
    /// The domain of recipients whose user id is no address.
    let recipientDomain: String
    /// The right side of Message-IDs.
    let messageDomain: String
    let types: Set<String> = [
        FactType.orderCreated, FactType.orderConfirmed, FactType.orderCancelled, FactType.paymentRefunded,
    ]

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        var contacts: [MailStore.Contact] = []
        var wishes: [(message: InboundMessage, key: OrderKey, kind: MailTemplate, fact: OrderFact)] = []
        for message in messages {
            guard let fact = try message.orderFact() else { continue }
            let key = OrderKey(tenant: message.tenant, orderID: fact.orderID)
            switch fact.kind {
            case .orderCreated(let order): contacts.append(contact(key, order))
            case .orderConfirmed: wishes.append((message, key, .orderConfirmed, fact))
            case .orderCancelled: wishes.append((message, key, .orderCancelled, fact))
            case .paymentRefunded: wishes.append((message, key, .paymentRefunded, fact))
            default: break
            }
        }
        try MailStore.addContacts(contacts, on: connection)
        guard !wishes.isEmpty else { return }
        let known = try MailStore.contacts(of: Set(wishes.map(\.key)).sorted(), on: connection)
        let intents = try wishes.map { wish in
            guard let contact = known[wish.key] else {
                throw MessageRejected("nobody is known to write to about order \(wish.key.orderID)")
            }
            return intent(wish.kind, wish.fact, contact, wish.message)
        }
        try MailStore.add(intents, on: connection)
    }

    private func contact(_ key: OrderKey, _ order: OrderCreated) -> MailStore.Contact {
        // A mailer refuses other addresses for good, and orders of old may have some.
        let recipient =
            [order.email, order.userID].compactMap { $0 }.first(where: EmailSyntax.isAddress)
            ?? "\(local(order.userID))@\(recipientDomain)"
        return MailStore.Contact(
            key: key, userID: order.userID, recipient: recipient, total: order.total.decimalText,
            currency: order.total.currency.code)
    }

    /// A user id as the left side of an address.
    private func local(_ userID: String) -> String {
        let kept = userID.unicodeScalars.filter { scalar in
            scalar.value < 0x80 && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                || "._-+".unicodeScalars.contains(scalar)
        }
        let text = String(String.UnicodeScalarView(kept.prefix(64)))
        return text.isEmpty ? "customer" : text
    }

    private func intent(
        _ kind: MailTemplate, _ fact: OrderFact, _ contact: MailStore.Contact, _ message: InboundMessage
    ) -> MailStore.Intent {
        var amount = "\(contact.total) \(contact.currency)"
        var reason: String?
        switch fact.kind {
        case .paymentRefunded(let refund, _): amount = "\(refund.decimalText) \(refund.currency.code)"
        case .orderCancelled(_, _, let why): reason = why
        default: break
        }
        let content = MailTemplate.Content(
            orderID: fact.orderID, userID: contact.userID, amount: amount, reason: reason)
        // From order and kind alone: whoever sends it, however often, it is the same mail.
        let id = UUIDText.v5(name: "\(contact.key.tenant)\0\(contact.key.orderID)\0\(kind.rawValue)")
        return MailStore.Intent(
            key: contact.key, kind: kind.rawValue, recipient: contact.recipient, subject: kind.subject(content),
            body: kind.body(content), messageID: "\(kind.rawValue).\(id)@\(messageDomain)",
            correlationID: message.correlationID, causationID: message.id, traceparent: message.traceparent)
    }
}
