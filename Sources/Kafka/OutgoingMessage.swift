/// A record to publish.
public struct OutgoingMessage: Sendable {
    public var topic: String
    /// Records with one key go to one partition and keep their order.
    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: KafkaHeaders
    /// Nil: by the key's hash (the Java clients' murmur2), so that producers in any language agree.
    public var partition: Int32?
    /// Milliseconds since the Unix epoch; nil: now.
    public var timestamp: Int64?

    public init(
        topic: String, key: [UInt8]? = nil, value: [UInt8]?, headers: KafkaHeaders = [], partition: Int32? = nil,
        timestamp: Int64? = nil
    ) {
        self.topic = topic
        self.key = key
        self.value = value
        self.headers = headers
        self.partition = partition
        self.timestamp = timestamp
    }
}

extension OutgoingMessage {
    /// Which one it is, for people.
    var label: String { Self.label(topic: topic, key: key ?? [], size: (key?.count ?? 0) + (value?.count ?? 0)) }

    static func label(topic: String, key: some Collection<UInt8>, size: Int) -> String {
        "a record of \(size) bytes with key \(String(decoding: key, as: UTF8.self)) for \(topic)"
    }
}

/// Where a published record lies.
public struct Delivery: Hashable, Sendable {
    public let partition: Int32
    public let offset: Int64
}
