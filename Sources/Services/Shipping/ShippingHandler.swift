import Execution
import Messaging
import OrderflowKit
import Orders
import Postgres

/// Folds facts into shipments: one read and one write of all shipments in a batch.
struct ShippingHandler: BatchHandler {
    let topic: String
    let source: String
    let types: Set<String> = [
        FactType.orderCreated, FactType.paymentProcessed, FactType.orderConfirmed, FactType.orderCancelled,
    ]

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let facts = try messages.compactMap { message in
            try message.orderFact().map { (message, OrderKey(tenant: message.tenant, orderID: $0.orderID), $0) }
        }
        var shipments = try ShipmentStore.load(Set(facts.map(\.1)).sorted(), on: connection)
        var changed: Set<OrderKey> = []
        for (message, key, fact) in facts {
            let now = WallClock.nowMicroseconds()
            guard let reaction = Shipment.react(to: fact, shipments[key], newID: UUIDText.v7(microseconds: now)) else {
                continue
            }
            shipments[key] = reaction.shipment
            changed.insert(key)
            if let kind = reaction.fact {
                outbox.append(
                    message.causes(OrderFact(orderID: key.orderID, at: now, kind), topic: topic, source: source))
            }
        }
        try ShipmentStore.save(changed.sorted().compactMap { key in shipments[key].map { (key, $0) } }, on: connection)
    }
}
