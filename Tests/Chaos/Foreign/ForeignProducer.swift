import Foundation
import Kafka
import Synchronization
import TestShop

/// Somebody else on the topics: what they send isn't ours to choose.
final class ForeignProducer: Sendable {
    private let shop: Shop
    private let mine = Mutex(Sent())

    struct Sent: Sendable {
        /// Orders announced on the topic alone, by id.
        var orders: [String: StrangeRecord] = [:]
        /// Those of which nobody knows whether the broker took them.
        var unsure: [String: StrangeRecord] = [:]
        /// Keys of what can't be handled, and of those that the broker may not have taken.
        var letters: [String: StrangeRecord] = [:]
        var unsureLetters: Set<String> = []
        /// How many of each kind.
        var count: [StrangeRecord: Int] = [:]

        /// Whether nothing is to be paid for the order.
        func isFree(_ id: String) -> Bool {
            guard let kind = orders[id] ?? unsure[id], case .order(let isCharged) = kind.verdict else { return false }
            return !isCharged
        }
    }

    init(_ shop: Shop) { self.shop = shop }

    var sent: Sent { mine.withLock { $0 } }

    /// A record of the past once more: same key, value and headers, and so the same event.
    func repeatRecord(_ dice: inout Dice) throws {
        let topic = dice.pick([
            ("order-events", weight: 4), ("payment-commands", weight: 2), ("inventory-commands", weight: 2),
            ("order-commands", weight: 2),
        ])
        let back = Int.random(in: 1...20, using: &dice)
        guard let record = try shop.recentRecords(of: topic, back: back).randomElement(using: &dice),
            let key = record.key, record.headers["ce_id"] != nil
        else { return }
        try shop.publish(record.value, key: key, headers: record.headers, partition: record.partition, to: topic)
    }

    /// What nobody can handle, under a key that is no order's.
    func sendPoison(_ dice: inout Dice) throws {
        guard let kind = StrangeRecord.letters.randomElement(using: &dice) else { return }
        let key = "poison-\(String(dice.next(), radix: 16))"
        let message = kind.message(key: key, &dice)
        mine.withLock { $0.letters[key] = kind }
        do {
            try shop.publish(message)
        } catch {
            mine.withLock { _ = $0.unsureLetters.insert(key) }
            throw error
        }
        counted(kind)
    }

    /// What is no event, under the key of an order that may be under way.
    func sendNothing(_ dice: inout Dice) throws {
        guard let kind = StrangeRecord.passedOver.randomElement(using: &dice),
            let key = try shop.recentRecords(of: "order-events", back: 5).randomElement(using: &dice)?.key
        else { return }
        try shop.publish(kind.message(key: key, &dice))
        counted(kind)
    }

    func announceOrder(_ dice: inout Dice) throws {
        guard let kind = StrangeRecord.orders.randomElement(using: &dice) else { return }
        let id = "foreign-\(String(dice.next(), radix: 16))"
        do {
            try shop.publish(kind.message(key: id, &dice))
            mine.withLock { $0.orders[id] = kind }
        } catch {
            mine.withLock { $0.unsure[id] = kind }
            throw error
        }
        counted(kind)
    }

    private func counted(_ kind: StrangeRecord) { mine.withLock { $0.count[kind, default: 0] += 1 } }
}
