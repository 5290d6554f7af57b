import Execution
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres
import ShippingFacts

/// Folds facts into shipments: one read, of those that it doesn't remember, and one write of all shipments in a batch.
///
/// A shipment only ever goes on: a fact that does nothing to one which is remembered does nothing to what has become of it
/// meanwhile either, and all else is written (`RowGuesses`).
struct ShippingHandler: BatchHandler {
    let topic: String
    let source: String
    private let guesses = RowGuesses<OrderKey, Shipment>(limit: 8_000)
    var types: Set<String> { Shipment.reads.types }

    init(topic: String, source: String) {
        self.topic = topic
        self.source = source
    }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let facts = try messages.compactMap { message in
            try message.payload(of: Shipment.reads).map {
                (message, OrderKey(tenant: message.tenant, orderID: $0.key), $0)
            }
        }
        let guessed = try guesses.guess(
            Set(facts.lazy.map(\.1)), new: Set(facts.lazy.filter { $0.2 is OrderCreated }.map(\.1)), on: connection)
        var stored = guessed.known
        for (key, shipment) in try ShipmentStore.load(guessed.unknown, on: connection) { stored[key] = shipment }
        var shipments = stored
        var changed: Set<OrderKey> = []
        for (message, key, fact) in facts {
            let now = WallClock.nowMicroseconds()
            guard let reaction = Shipment.react(to: fact, shipments[key], newID: UUIDText.v7(microseconds: now)) else {
                continue
            }
            shipments[key] = reaction.shipment
            changed.insert(key)
            if let fact = reaction.answer?.fact(of: key.orderID, at: now) {
                outbox.append(try message.causes(fact, topic: topic, source: source))
            }
        }
        try ShipmentStore.save(
            changed.sorted().compactMap { key in shipments[key].map { (key, $0, stored[key]?.status) } },
            on: connection)
        try guesses.learn(shipments.filter(\.value.isOpen).map { ($0.key, $0.value) }, on: connection)
    }
}

extension Shipment.Answer {
    func fact(of orderID: String, at now: Int64) -> any OrderFact {
        switch self {
        case .created(let id): ShipmentCreated(orderID: orderID, shipmentID: id, at: now)
        case .failed(let reason): ShipmentFailed(orderID: orderID, reason: reason, at: now)
        case .dispatched(let id, let trackingNumber):
            ShipmentDispatched(orderID: orderID, shipmentID: id, trackingNumber: trackingNumber, at: now)
        case .cancelled(let id): ShipmentCancelled(orderID: orderID, shipmentID: id, at: now)
        }
    }
}
