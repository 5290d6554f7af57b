import Messaging
import Orders

/// What a message's payload says, as it was read at the door.
struct MessageContent: Sendable {
    let payload: any MessagePayload
}

extension FactCatalogue {
    /// The door of every consumer group, and of every other reader of a topic: reads the payload whole, and holds it
    /// against the record's key. Nil for a type that isn't in the catalogue, which is the whole installation's.
    public var door: RecordReader.Content {
        { (message: InboundMessage) throws(MessageRejected) in
            guard let payload = try read(message) else { return nil }
            // Records of one order keep their order, and wait behind each other, by their key.
            if let member = Swift.type(of: payload).keyMember, message.isKeyed, payload.key != message.key {
                throw MessageRejected("\(message.type): /\(member) is not the record's key")
            }
            return MessageContent(payload: payload)
        }
    }

    fileprivate func read(_ message: InboundMessage) throws(MessageRejected) -> (any MessagePayload)? {
        do throws(PayloadError) {
            return try decode(message.type, message.encodedPayload)
        } catch {
            throw MessageRejected("\(error)")
        }
    }
}

extension InboundMessage {
    /// What the message says, as it was read at the door, for a `switch` over the facts and commands that the reader
    /// knows; nil where nobody knows it. A payload that breaks its promise can never be handled.
    ///
    /// - Parameter reads: those of the reader, which decode a message that came by no door.
    public func payload(of reads: FactCatalogue) throws(MessageRejected) -> (any MessagePayload)? {
        if let content = content as? MessageContent { return content.payload }
        return try reads.read(self)
    }

    /// The fact or command of one type; nil where the message says something else.
    public func payload<Payload: MessagePayload>(
        as type: Payload.Type
    ) throws(MessageRejected) -> Payload? {
        if let content = content as? MessageContent { return content.payload as? Payload }
        guard self.type == type.type || type.aliases.contains(self.type) else { return nil }
        do throws(PayloadError) {
            return try Payload(encodedPayload)
        } catch {
            throw MessageRejected("\(error)")
        }
    }

    var encodedPayload: EncodedPayload {
        EncodedPayload(payload, schemaVersion: schemaVersion, time: time, id: id)
    }

    /// A fact that this message causes, for a service's outbox.
    public func causes(_ fact: some Fact, topic: String, source: String) throws -> OutgoingEvent {
        try OutgoingEvent(
            fact, topic: topic,
            metadata: effectMetadata(id: UUIDText.v7(microseconds: fact.at), source: source, time: fact.at))
    }

    /// A command that this message causes.
    ///
    /// - Parameter now: microseconds since the Unix epoch.
    public func causes(
        _ command: some Command, topic: String, source: String, at now: Int64
    ) throws -> OutgoingEvent {
        try OutgoingEvent(
            command, topic: topic,
            metadata: effectMetadata(id: UUIDText.v7(microseconds: now), source: source, time: now))
    }
}

extension OutgoingEvent {
    /// A fact or command for a service's outbox, under its own key.
    public init<Payload: MessagePayload>(_ payload: Payload, topic: String, metadata: EventMetadata) throws {
        self.init(
            topic: topic, key: payload.key, type: Payload.type, schemaVersion: Payload.version,
            payload: try payload.payload(), metadata: metadata)
    }
}
