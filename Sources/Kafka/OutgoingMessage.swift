/// A header of a record. Names may repeat.
public struct KafkaHeader: Hashable, Sendable {
    public let name: String
    public let value: [UInt8]

    public init(_ name: String, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// A record to publish.
public struct OutgoingMessage: Sendable {
    public var topic: String
    /// Records with one key go to one partition and keep their order.
    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: [KafkaHeader]
    /// Nil: by the key's hash (the Java clients' murmur2), so that producers in any language agree.
    public var partition: Int32?
    /// Milliseconds since the Unix epoch; nil: now.
    public var timestamp: Int64?

    public init(
        topic: String, key: [UInt8]? = nil, value: [UInt8]?, headers: [KafkaHeader] = [], partition: Int32? = nil,
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

/// Where a published record lies.
public struct Delivery: Hashable, Sendable {
    public let partition: Int32
    public let offset: Int64
}
