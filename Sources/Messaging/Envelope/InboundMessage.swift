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

    /// `ce_id`, unique for its `origin`; where the record lies, if it has none.
    public let id: String
    public let type: String
    public let schemaVersion: Int
    /// What coders of facts and commands read. Of a JSON record the `payload` member, byte for byte; of any other what the
    /// codec of its content type made of its value.
    public let payload: [UInt8]
    /// Of the record.
    public let contentType: ContentType
    public let key: String
    public let tenant: String
    public let correlationID: String
    /// What caused it; while it is handled in a trace that is recorded, the span of that, which its effects come under.
    public internal(set) var traceparent: String?
    /// When the event happened, microseconds since the Unix epoch; the record's timestamp where `ce_time` is missing.
    public let time: Int64
    /// The event's version in its stream, from producers that keep one.
    public let streamVersion: Int?
    public let source: Source
    /// `ce_source`: who says so.
    public let origin: String?
    /// Which event it is: what a second record of it is recognised by (`EventIdentity`).
    public let identity: String
    /// False where the record has no key, and the id stands in for it.
    public let isKeyed: Bool
    /// By the lane that it came on; what it causes takes the same.
    public let priority: Priority
    /// What the payload says, as it was read at the door; nil for a message that didn't come that way.
    public internal(set) var content: (any Sendable)?

    public init(
        id: String, type: String, schemaVersion: Int, payload: [UInt8], key: String, tenant: String,
        correlationID: String, traceparent: String?, time: Int64, streamVersion: Int?, source: Source,
        origin: String? = nil, isKeyed: Bool = true, contentType: ContentType = .json, priority: Priority = .ordinary
    ) {
        self.id = id
        self.type = type
        self.schemaVersion = schemaVersion
        self.payload = payload
        self.contentType = contentType
        self.key = key
        self.tenant = tenant
        self.correlationID = correlationID
        self.traceparent = traceparent
        self.time = time
        self.streamVersion = streamVersion
        self.source = source
        self.origin = origin
        identity = EventIdentity.text(source: origin, id: id)
        self.isKeyed = isKeyed
        self.priority = priority
    }

    /// Metadata for an event that this message causes.
    public func effectMetadata(id: String, source: String, time: Int64) -> EventMetadata {
        EventMetadata(
            id: id, source: source, time: time, tenant: tenant, correlationID: correlationID, causationID: self.id,
            traceparent: traceparent, priority: priority)
    }
}
