/// One instance of a saga of one tenant.
public struct SagaKey: Hashable, Sendable, Comparable {
    public let tenant: String
    public let id: String

    public init(tenant: String, id: String) {
        self.tenant = tenant
        self.id = id
    }

    public static func < (a: SagaKey, b: SagaKey) -> Bool { (a.tenant, a.id) < (b.tenant, b.id) }
}

/// An instance as the database has it.
public struct StoredSaga: Sendable {
    public let key: SagaKey
    public internal(set) var instance: SagaInstance
    /// When its first fact came, microseconds since the Unix epoch.
    public let createdAt: Int64
    /// Of that fact: what the clock or an operator causes carries them on.
    public let correlationID: String
    public let traceparent: String?
    /// Fingerprint of the definition that it was started with; empty where it was started before they were recorded.
    public let definition: String
    /// Fingerprint of the definition that moved it last; empty where none has since they are recorded.
    public internal(set) var ledBy: String
    /// The part of its history that is in the row.
    var log = SagaRowLog()
    /// Of one that isn't locked, the row's `xmin`: the transaction that has written it like this.
    var row: String?

    public init(
        key: SagaKey, instance: SagaInstance, createdAt: Int64, correlationID: String, traceparent: String?,
        definition: String = "", ledBy: String = ""
    ) {
        self.key = key
        self.instance = instance
        self.createdAt = createdAt
        self.correlationID = correlationID
        self.traceparent = traceparent
        self.definition = definition
        self.ledBy = ledBy
    }
}
