import Messaging
import Orders

/// What a message's payload says.
package enum MessageContent: Sendable {
    case fact(OrderFact)
    case command(FulfilmentCommand)
    case user(UserFact)
}

extension MessageContent {
    /// The door of every consumer group, and of everybody else who reads a topic: reads the payload whole, and holds it
    /// against the record's key. Nil for a type that is none of ours.
    package static let door: RecordReader.Content = { (message: InboundMessage) throws(MessageRejected) in
        guard let content = try read(message) else { return nil }
        // Records of one order keep their order, and wait behind each other, by their key.
        if message.isKeyed, let id = content.orderID, id != message.key {
            throw MessageRejected("\(message.type): /orderId is not the record's key")
        }
        return content
    }

    package static func read(_ message: InboundMessage) throws(MessageRejected) -> MessageContent? {
        do throws(PayloadError) {
            if let fact = try OrderFact.decode(
                type: message.type, schemaVersion: message.schemaVersion, payload: message.payload, time: message.time)
            {
                return .fact(fact)
            }
            if let command = try FulfilmentCommand.decode(type: message.type, payload: message.payload) {
                return .command(command)
            }
            return try UserFact.decode(
                type: message.type, schemaVersion: message.schemaVersion, payload: message.payload, time: message.time,
                id: message.id
            ).map { .user($0) }
        } catch {
            throw MessageRejected("\(error)")
        }
    }

    private var orderID: String? {
        switch self {
        case .fact(let fact): fact.orderID
        case .command(let command): command.orderID
        case .user: nil
        }
    }
}

extension InboundMessage {
    /// As it was read at the door.
    private func decoded() throws(MessageRejected) -> MessageContent? {
        if let content = content as? MessageContent { return content }
        return try MessageContent.read(self)
    }

    /// The fact about an order that the message carries; nil for a type that is none. A payload that breaks its promise
    /// can never be handled.
    package func orderFact() throws(MessageRejected) -> OrderFact? {
        if case .fact(let fact)? = try decoded() { fact } else { nil }
    }

    /// The command that the message carries; nil for a type that is none.
    package func fulfilmentCommand() throws(MessageRejected) -> FulfilmentCommand? {
        if case .command(let command)? = try decoded() { command } else { nil }
    }

    /// The fact about a user that the message carries; nil for a type that is none.
    package func userFact() throws(MessageRejected) -> UserFact? {
        if case .user(let fact)? = try decoded() { fact } else { nil }
    }

    /// A fact that this message causes, for a service's outbox.
    package func causes(_ fact: OrderFact, topic: String, source: String) -> OutgoingEvent {
        OutgoingEvent(
            fact, topic: topic,
            metadata: effectMetadata(id: UUIDText.v7(microseconds: fact.at), source: source, time: fact.at))
    }
}

extension OutgoingEvent {
    /// A fact for a service's outbox, keyed by its order.
    package init(_ fact: OrderFact, topic: String, metadata: EventMetadata) {
        self.init(
            topic: topic, key: fact.orderID, type: fact.kind.type, payload: fact.payload(), metadata: metadata)
    }
}
