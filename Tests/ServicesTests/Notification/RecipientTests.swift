import Orders
import Outbound
import Postgres
import TestServers
import Testing

@testable import Services

@Suite(.blocking) struct RecipientTests {
    /// The orders' rule and the mail's are two; what an order may name, a mail must be able to go to.
    @Test func whatIsAnAddressInAnOrderIsOneInAMail() {
        var texts = [
            "a@b", "@", "a@", "@b", "a@b@c", "", "a", "ä@ö.example", "a\u{301}@b", "a@\u{301}b", "a b@c", "\u{85}@b",
        ]
        for byte in UInt8(0)..<128 {
            let character = Character(Unicode.Scalar(byte))
            texts += ["a\(character)b@c", "a@b\(character)"]
        }
        for text in texts {
            let mail = try? MailMessage(messageID: "1@m", from: "f@m", to: text, subject: "", body: "", date: 0)
            #expect((mail != nil) == EmailSyntax.isAddress(text), "\(text.debugDescription)")
        }
    }

    @Test(arguments: [
        ("alice", nil, "alice@customers.test"), ("alice", "a@shop.test", "a@shop.test"),
        ("bob@shop.test", nil, "bob@shop.test"), ("alice b@shop.test", nil, "alicebshop.test@customers.test"),
        ("a@b@c", nil, "abc@customers.test"), ("@", nil, "customer@customers.test"),
        ("alice", "not an address", "alice@customers.test"), ("b@shop.test", "<x>@y", "b@shop.test"),
    ])
    func everyOrderHasARecipientThatAMailCanHave(userID: String, email: String?, recipient: String) throws {
        let connection = try Connection(try freshDatabase(NotificationService.migrations), logger: quiet)
        let order = OrderCreated(
            orderID: "1", userID: userID, items: [OrderLine(sku: "A", quantity: 1)],
            total: Money(minorUnits: 100, currency: .usd), createdAt: 0, email: email, shippingAddress: nil,
            paymentToken: nil)
        try NotificationHandler(recipientDomain: "customers.test", messageDomain: "test").apply(
            [inbound(OrderFact(orderID: "1", at: 0, .orderCreated(order)))], on: connection)
        let key = OrderKey(tenant: "default", orderID: "1")
        #expect(try MailStore.contacts(of: [key], on: connection)[key]?.recipient == recipient)
        #expect(EmailSyntax.isAddress(recipient))
    }
}
