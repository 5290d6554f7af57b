import Foundation
import Synchronization
import TestShop

/// Somebody else on the topics, by kcat: what they send isn't ours to choose.
final class ForeignProducer: Sendable {
    private let shop: Shop
    private let mine = Mutex(Sent())

    struct Sent: Sendable {
        /// Orders announced on the topic alone, and those of which nobody knows whether the broker took them.
        var orders: [String] = []
        var unsure: [String] = []
        /// Keys of what can't be read.
        var poison: [String] = []
    }

    init(_ shop: Shop) { self.shop = shop }

    var sent: Sent { mine.withLock { $0 } }

    /// A record of the past once more: same key, value and headers, and so the same `ce_id`.
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

    /// Broken JSON under a key that is no order's.
    func sendPoison(_ dice: inout Dice) throws {
        let key = "poison-\(String(dice.next(), radix: 16))"
        mine.withLock { $0.poison.append(key) }
        try shop.publish(#"{"type":"OrderCreated","payload":{"orderId":"#, key: key, to: "order-events")
    }

    /// The bare value that any producer may send: no headers, no version.
    func announceOrder(_ dice: inout Dice) throws {
        let id = "foreign-\(String(dice.next(), radix: 16))"
        let value =
            #"{"type":"OrderCreated","payload":{"orderId":"\#(id)","userId":"foreigner","items":[{"sku":"UNCOUNTED","qty":1}],"total":5.00,"currency":"USD","createdAt":"2026-01-01T00:00:00Z"}}"#
        do {
            try shop.publish(value, key: id, to: "order-events")
            mine.withLock { $0.orders.append(id) }
        } catch {
            mine.withLock { $0.unsure.append(id) }
            throw error
        }
    }
}
