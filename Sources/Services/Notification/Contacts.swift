import OrderFacts
import OrderflowKit
import Orders

/// What a mail about an order has to know of it.
struct OrderContact: Sendable {
    let userID: String
    /// Nil where nobody has named an address, and none can be made of the user's id.
    let recipient: String?
    /// Whether the customer has named it, or it is made with a domain that is a setting.
    let isNamed: Bool
    let total: String
    let currency: String

    init(userID: String, email: String?, total: Money, recipientDomain: String) {
        self.userID = userID
        // A mailer refuses other addresses for good, and orders of old may have some.
        let named = [email, userID].compactMap { $0 }.first(where: EmailSyntax.isAddress)
        recipient = named ?? (EmailSyntax.isLocalPart(userID) ? "\(userID)@\(recipientDomain)" : nil)
        isNamed = named != nil
        self.total = total.decimalText
        currency = total.currency.code
    }
}

extension Replica {
    /// Whom to write to about an order, and what it came to: what it was announced with. Nobody is written to any more
    /// about an order that was withdrawn, also where a copy of it comes.
    ///
    /// - Parameter recipientDomain: of recipients whose user id is the local part of an address, and no address itself.
    package static func contacts(recipientDomain: String) -> Replica {
        Replica(
            "contacts", of: .orderEvents, key: ["order_id"], keeps: .first(awaitedBy: "recipient"),
            parts: [
                ReplicaPart(
                    "order", of: OrderContact.self,
                    columns: [
                        .text("user_id") { $0.userID }, .text("recipient", judgedIf: { $0.isNamed }) { $0.recipient },
                        .text("total") { $0.total }, .text("currency") { $0.currency },
                    ],
                    from: [
                        .saying(OrderCreated.self, by: { [$0.orderID] }) {
                            OrderContact(
                                userID: $0.userID, email: $0.email, total: $0.total, recipientDomain: recipientDomain)
                        },
                        .saying(OrderScheduled.self, by: { [$0.orderID] }) {
                            OrderContact(
                                userID: $0.userID, email: $0.email, total: $0.total, recipientDomain: recipientDomain)
                        },
                        .removing(OrderWithdrawn.self) { [$0.orderID] },
                    ])
            ])
    }
}
