import Messaging
import Orders

extension InboundMessage {
    /// The fact that the message carries; nil for a type that is none. A payload that breaks its promise can never be
    /// handled.
    func orderFact() throws(MessageRejected) -> OrderFact? {
        do {
            return try OrderFact.decode(type: type, schemaVersion: schemaVersion, payload: payload, time: time)
        } catch {
            throw MessageRejected("\(error)")
        }
    }

    /// The command that the message carries; nil for a type that is none.
    func fulfilmentCommand() throws(MessageRejected) -> FulfilmentCommand? {
        do {
            return try FulfilmentCommand.decode(type: type, payload: payload)
        } catch {
            throw MessageRejected("\(error)")
        }
    }

    /// A fact that this message causes, for a service's outbox.
    func causes(_ fact: OrderFact, topic: String, source: String) -> OutgoingEvent {
        OutgoingEvent(
            fact, topic: topic,
            metadata: effectMetadata(id: UUIDText.v7(microseconds: fact.at), source: source, time: fact.at))
    }
}

extension OutgoingEvent {
    /// A fact for a service's outbox, keyed by its order.
    init(_ fact: OrderFact, topic: String, metadata: EventMetadata) {
        self.init(
            topic: topic, key: fact.orderID, type: fact.kind.type, payload: fact.payload(), metadata: metadata)
    }
}
