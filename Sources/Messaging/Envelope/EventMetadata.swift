import JSON

/// What is true of an event beside its payload. Stored as JSON beside it, sent as Kafka headers
/// (CloudEvents 1.0 Kafka protocol binding, binary content mode; W3C Trace Context).
public struct EventMetadata: Hashable, Sendable {
    /// Unique for ever: consumers deduplicate by it.
    public var id: String
    /// `/orderflow/<service>`.
    public var source: String
    /// Microseconds since the Unix epoch.
    public var time: Int64
    public var tenant: String
    /// The same for everything that one request caused.
    public var correlationID: String
    /// The message that directly caused this one.
    public var causationID: String?
    public var traceparent: String?
    /// Who asked, for the audit.
    public var actor: String?
    /// Digest of the request behind an idempotency key, to tell a repeat from a different request.
    public var requestDigest: String?
    /// The batch of requests that it came in, and as which of them, from 1. Stored only: records don't have it.
    public var batch: String?
    public var batchLine: Int?
    /// Of the order that it is about: which lane it takes.
    public var priority: Priority

    public init(
        id: String, source: String, time: Int64, tenant: String = "default", correlationID: String,
        causationID: String? = nil, traceparent: String? = nil, actor: String? = nil, requestDigest: String? = nil,
        batch: String? = nil, batchLine: Int? = nil, priority: Priority = .ordinary
    ) {
        self.id = id
        self.source = source
        self.time = time
        self.tenant = tenant
        self.correlationID = correlationID
        self.causationID = causationID
        self.traceparent = traceparent
        self.actor = actor
        self.requestDigest = requestDigest
        self.batch = batch
        self.batchLine = batchLine
        self.priority = priority
    }
}
