import Kafka
import Messaging
import OrderFacts
import Orders
import UserFacts

@testable import OrderflowKit

/// Lives of orders at random: confirmed, cancelled, refunded, repeated; their events interleaved.
struct OrderHistory {
    private(set) var messages: [InboundMessage] = []

    static let users = ["alice", "bob", "carol"]

    /// - Parameter name: in front of each order's number.
    init(_ name: String, orders: Int, using generator: inout some RandomNumberGenerator) {
        var lives = (0..<orders).map { Self.life("\(name)-\($0)", Int64($0), using: &generator)[...] }
        while !lives.isEmpty {
            let index = Int.random(in: 0..<min(lives.count, 8), using: &generator)
            let next = lives[index].removeFirst()
            messages.append(next)
            // A relay that crashed writes a second copy, now or much later.
            if Int.random(in: 0..<20, using: &generator) == 0 { messages.append(next) }
            if !messages.isEmpty, Int.random(in: 0..<40, using: &generator) == 0 {
                messages.append(messages[Int.random(in: 0..<messages.count, using: &generator)])
            }
            if lives[index].isEmpty { lives.remove(at: index) }
        }
    }

    private static func life(
        _ id: String, _ number: Int64, using generator: inout some RandomNumberGenerator
    ) -> [InboundMessage] {
        let user = users.randomElement(using: &generator) ?? ""
        let start = 1_767_225_600_000_000 + number * 3_600_000_000
        let cents = Int64.random(in: 1...100_000, using: &generator)
        let tenant = number % 11 == 0 ? "acme" : "default"
        let money = Money(minorUnits: cents, currency: .usd)
        func then(_ seconds: Int64, _ kind: FactDraft, version: Int? = nil) -> InboundMessage {
            heard(kind, of: id, at: start + seconds * 1_000_000, version: version, tenant: tenant)
        }
        let items = [OrderLine(sku: "SKU-\(number % 5)", quantity: Int(number % 3) + 1)]
        var life = [created(id, by: user, at: start, items: items, cents: cents, tenant: tenant)]
        life.append(then(1, .stockReserved(items: items)))
        life.append(then(2, .shipmentCreated(shipmentID: "ship-\(id)")))
        switch Int.random(in: 0..<4, using: &generator) {
        case 0:
            life.append(then(3, .paymentFailed(reason: "declined")))
            life.append(then(4, .stockReleased(items: items)))
            life.append(then(5, .orderCancelled(userID: user, total: money, reason: "declined"), version: 2))
        case 1:
            life.append(then(3, .paymentProcessed(amount: money, reference: "ref-\(id)")))
            life.append(then(4, .orderCancellationRequested(reason: "changed \"my\" mind\t"), version: 2))
            life.append(then(5, .paymentRefunded(amount: money, reference: "refund-\(id)")))
            life.append(then(6, .stockReleased(items: items)))
            life.append(then(7, .orderCancelled(userID: user, total: money, reason: "asked for"), version: 3))
            life.append(
                then(8, .notificationSent(kind: "order-cancelled", recipient: "\(user)@x.org", messageID: "m-\(id)")))
        case 2: break
        default:
            life.append(then(3, .paymentProcessed(amount: money, reference: "ref-\(id)")))
            life.append(then(4, .orderConfirmed(userID: user, total: money), version: 2))
            life.append(then(5, .shipmentDispatched(shipmentID: "ship-\(id)", trackingNumber: "T\(number)")))
            life.append(
                then(6, .notificationSent(kind: "order-confirmed", recipient: "\(user)@x.org", messageID: "m-\(id)")))
        }
        return life
    }
}

extension RebuildScene {
    /// Orders, users, and what can't be handled.
    func publishHistory(orders: Int, using generator: inout some RandomNumberGenerator) throws {
        let user = #"{"userId":"alice","name":"Alice","email":"alice@x.org","createdAt":"2026-01-01T00:00:00Z"}"#
        try publish(OrderHistory("a", orders: orders, using: &generator).messages)
        try publish([bare(UserCreated.type, user, key: "alice")])
        try publish([
            // No JSON, a payload without what it must have, a type that nobody knows; each but the last with a follower
            // of its key.
            OutgoingMessage(topic: topics.orderEvents, key: Array("follows".utf8), value: Array("{".utf8)),
            record(created("follows", at: 5_000_000)),
            bare(OrderCreated.type, #"{"orderId":"rejected"}"#, key: "rejected"),
            record(confirmed("rejected")),
            bare("Unheard", "{}", key: "a-1"),
        ])
        try publish(OrderHistory("b", orders: orders, using: &generator).messages)
    }
}
