/// A record that a consumer understood: the envelope with its CloudEvents attributes (docs/asyncapi.yaml).
public struct InboundMessage: Sendable {
    /// Where a record lies. Unique while the topic is.
    public struct Source: Hashable, Sendable, CustomStringConvertible {
        public let topic: String
        public let partition: Int32
        public let offset: Int64

        public init(topic: String, partition: Int32, offset: Int64) {
            self.topic = topic
            self.partition = partition
            self.offset = offset
        }

        public var description: String { "\(topic)/\(partition)/\(offset)" }

        /// The deduplication key of a record without `ce_id`. Its time tells it from one that lay there before Kafka
        /// lost records, or in a topic of the same name that was deleted.
        ///
        /// - Parameter recordTime: microseconds since the Unix epoch.
        func messageID(recordTime: Int64) -> String { "\(self)@\(recordTime / 1_000)" }
    }

    /// What doesn't change.
    private struct Parts {
        let id: String
        let type: String
        let schemaVersion: Int
        let payload: [UInt8]
        let contentType: ContentType
        let key: String
        let tenant: String
        let correlationID: String
        let time: Int64
        let streamVersion: Int?
        let source: Source
        let origin: String?
        let identity: String
        let isKeyed: Bool
        let priority: Priority
        let expiresAt: Int64?
    }

    /// Shared by all copies: on its way to a handler a message is in one array after another.
    private final class Head: Sendable {
        let parts: Parts

        init(_ parts: Parts) { self.parts = parts }
    }

    private let head: Head
    /// What caused it; while it is handled in a trace that is recorded, the span of that, which its effects come under.
    public internal(set) var traceparent: String?
    /// Of a command that came too late, for handlers that judge it themselves (`BatchHandler.judgesExpiry`).
    public internal(set) var refusal: CommandRefusal?
    /// What the payload says, as it was read at the door; nil for a message that didn't come that way.
    public internal(set) var content: (any Sendable)?

    public init(
        id: String, type: String, schemaVersion: Int, payload: [UInt8], key: String, tenant: String,
        correlationID: String, traceparent: String?, time: Int64, streamVersion: Int?, source: Source,
        origin: String? = nil, isKeyed: Bool = true, contentType: ContentType = .json, priority: Priority = .ordinary,
        expiresAt: Int64? = nil
    ) {
        head = Head(
            Parts(
                id: id, type: type, schemaVersion: schemaVersion, payload: payload, contentType: contentType, key: key,
                tenant: tenant, correlationID: correlationID, time: time, streamVersion: streamVersion, source: source,
                origin: origin, identity: EventIdentity.text(source: origin, id: id), isKeyed: isKeyed,
                priority: priority, expiresAt: expiresAt))
        self.traceparent = traceparent
    }

    /// `ce_id`, unique for its `origin`; where the record lies, if it has none.
    public var id: String { head.parts.id }
    public var type: String { head.parts.type }
    public var schemaVersion: Int { head.parts.schemaVersion }
    /// What coders of facts and commands read. Of a JSON record the `payload` member, byte for byte; of any other what the
    /// codec of its content type made of its value.
    public var payload: [UInt8] { head.parts.payload }
    /// Of the record.
    public var contentType: ContentType { head.parts.contentType }
    public var key: String { head.parts.key }
    public var tenant: String { head.parts.tenant }
    public var correlationID: String { head.parts.correlationID }
    /// When the event happened, microseconds since the Unix epoch; the record's timestamp where `ce_time` is missing.
    public var time: Int64 { head.parts.time }
    /// The event's version in its stream, from producers that keep one.
    public var streamVersion: Int? { head.parts.streamVersion }
    public var source: Source { head.parts.source }
    /// `ce_source`: who says so.
    public var origin: String? { head.parts.origin }
    /// Which event it is: what a second record of it is recognised by (`EventIdentity`).
    public var identity: String { head.parts.identity }
    /// False where the record has no key, and the id stands in for it.
    public var isKeyed: Bool { head.parts.isKeyed }
    /// By the lane that it came on; what it causes takes the same.
    public var priority: Priority { head.parts.priority }
    /// After it, a command isn't to be done any more; microseconds since the Unix epoch.
    public var expiresAt: Int64? { head.parts.expiresAt }

    /// Metadata for an event that this message causes.
    public func effectMetadata(id: String, source: String, time: Int64) -> EventMetadata {
        EventMetadata(
            id: id, source: source, time: time, tenant: tenant, correlationID: correlationID, causationID: self.id,
            traceparent: traceparent, priority: priority)
    }
}
