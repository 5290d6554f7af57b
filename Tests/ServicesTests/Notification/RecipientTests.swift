import OrderFacts
import Orders
import Outbound
import Postgres
import Randomness
import TestServers
import Testing

@testable import Notification
@testable import OrderflowKit

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

    @Test(
        .servers,
        arguments: [
            ("alice", nil, "alice@customers.test"), ("alice", "a@shop.test", "a@shop.test"),
            ("bob@shop.test", nil, "bob@shop.test"), ("A.b_c-d+e9", nil, "A.b_c-d+e9@customers.test"),
        ])
    func whoHasAnAddressGetsTheMail(userID: String, email: String?, recipient: String) throws {
        #expect(EmailSyntax.isAddress(recipient))
        #expect(try mail(userID: userID, email: email) == "pending \(recipient)")
    }

    /// Another spelling of an id might be another customer's.
    @Test(
        .servers,
        arguments: [
            "a/b", "a b", "a\"b", "a@b@c", "@", "ä", "a\u{301}", "😀", ".a", "a.", "a..b", "..",
            String(repeating: "a", count: 65),
        ])
    func noAddressIsMadeUp(userID: String) throws {
        #expect(try mail(userID: userID, email: nil) == "unaddressed -")
    }

    @Test func everyLocalPartThatIsMadeIsTheUsersID() {
        var generator = SeededGenerator.fromEnvironment()
        let characters = Array("ab.-_+/@ \"%é😀\\,;<>()[]:'!#$&*=?^`{|}~\u{301}")
        for _ in 0..<5_000 {
            let text = String(
                (0..<Int.random(in: 1...5, using: &generator)).map { _ in
                    characters[Int.random(in: 0..<characters.count, using: &generator)]
                })
            guard EmailSyntax.isLocalPart(text) else { continue }
            #expect(EmailSyntax.isAddress("\(text)@customers.test"), "\(text), seed \(generator.seed)")
            #expect(text.unicodeScalars.allSatisfy { "ab.-_+".unicodeScalars.contains($0) }, "\(text)")
        }
    }

    /// What becomes of the mail about a confirmed order.
    private func mail(userID: String, email: String?) throws -> String {
        let connection = try Connection(try freshDatabase(ServiceDatabase.notification.migrations), logger: quiet)
        defer { connection.close() }
        let total = Money(minorUnits: 100, currency: .usd)
        let order = OrderCreated(
            orderID: "1", userID: userID, items: [OrderLine(sku: "A", quantity: 1)], total: total, createdAt: 0,
            email: email, shippingAddress: nil, paymentToken: nil)
        let handler = NotificationHandler(recipientDomain: "customers.test", messageDomain: "test")
        // In either order of their coming.
        let messages = [fact("1", .orderCreated(order)), fact("1", .orderConfirmed(userID: userID, total: total))]
        for message in Bool.random() ? messages : messages.reversed() {
            try handler.apply([message], on: connection)
        }
        let row = try connection.query("SELECT status, recipient FROM mails").one()
        return "\(try row.get(0, as: String.self)) \(try row.get(1, as: String?.self) ?? "-")"
    }
}
