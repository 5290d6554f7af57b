import Foundation
import TestShop

/// Holds what the receiver was told against the topic: of every order, each fact of the types that were asked for, in the
/// order of the topic once copies are dropped, all of it signed.
struct WebhookReckoning {
    let scene: Scene
    let foreign: ForeignProducer.Sent
    let subscriptions: [Subscription]

    /// A fact: what it is called, and its id where its producer gave it one.
    private struct Fact {
        let type: String
        let id: String?

        func isSame(as other: Fact) -> Bool {
            type == other.type && (id == nil || other.id == nil || id == other.id)
        }
    }

    /// What the receiver has been told, against what is on the topic.
    struct Standing {
        var expected = 0
        var copies = 0
        var lost: [String] = []
        var disordered: [String] = []
        var unsigned: [String] = []

        var isSound: Bool { lost.isEmpty && disordered.isEmpty && unsigned.isEmpty }
    }

    /// Waits until nothing is missing any more, for a while: tries go on at growing pauses.
    func wait(within patience: Duration) throws -> Standing {
        let deadline = ContinuousClock.now + patience
        while true {
            let standing = try standing()
            if standing.lost.isEmpty || .now > deadline { return standing }
            Thread.sleep(forTimeInterval: 1)
        }
    }

    private func standing() throws -> Standing {
        let topic = try facts()
        // Afterwards: what is on the topic may be on its way to the receiver.
        let came = scene.receiver.came
        var standing = Standing()
        for subscription in subscriptions {
            let mine = came.filter { $0.path == subscription.path }
            for webhook in mine where !subscription.isSigned(webhook) {
                standing.unsigned.append("\(subscription.path) \(webhook.id)")
            }
            var told: [String: [Fact]] = [:]
            var seen: Set<String> = []
            for webhook in mine {
                guard let event = webhook.event else {
                    standing.unsigned.append("\(subscription.path) \(webhook.id) is no event")
                    continue
                }
                guard seen.insert(webhook.id).inserted else {
                    standing.copies += 1
                    continue
                }
                told[event.subject, default: []].append(Fact(type: event.type, id: event.id))
            }
            compare(topic, told, subscription, &standing)
        }
        return standing
    }

    private func compare(
        _ topic: [String: [Fact]], _ told: [String: [Fact]], _ subscription: Subscription, _ standing: inout Standing
    ) {
        for (order, facts) in topic.sorted(by: { $0.key < $1.key }) {
            let expected = facts.filter { subscription.types.contains($0.type) }
            let came = told[order] ?? []
            standing.expected += expected.count
            let name = "\(subscription.path) \(order)"
            let missing = expected.filter { fact in !came.contains { fact.isSame(as: $0) } }
            if !missing.isEmpty {
                standing.lost.append("\(name): \(missing.map(\.type).joined(separator: ", "))")
            } else if !came.elementsEqual(expected, by: { $0.isSame(as: $1) }) {
                let (one, other) = (came.map(\.type), expected.map(\.type))
                standing.disordered.append("\(name): \(one) instead of \(other)")
            }
        }
        for order in told.keys.sorted() where topic[order] == nil {
            standing.disordered.append("\(subscription.path) \(order): told of, and not on the topic")
        }
    }

    /// What is on the topic, each event once, by order. Records that nobody can handle have keys of their own.
    private func facts() throws -> [String: [Fact]] {
        var facts: [String: [Fact]] = [:]
        var seen: Set<[String]> = []
        for record in try scene.shop.headers(ofLanes: "order-events") {
            guard let order = record.key, foreign.letters[order] == nil else { continue }
            let id = record.headers["ce_id"]
            if let id, !seen.insert([record.headers["ce_source"] ?? "", id]).inserted { continue }
            if let type = record.headers["ce_type"] {
                facts[order, default: []].append(Fact(type: type, id: id))
            } else if foreign.orders[order] != nil || foreign.unsure[order] != nil, facts[order] == nil {
                // Foreign orders begin with a record that only its value says the type of.
                facts[order] = [Fact(type: "OrderCreated", id: id)]
            }
        }
        return facts
    }
}
