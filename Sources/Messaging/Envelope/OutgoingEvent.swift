/// A fact or command on its way out: one row of an outbox now, one Kafka record soon.
public struct OutgoingEvent: Sendable {
    public let topic: String
    /// The ordering domain: records with one key keep their order.
    public let key: String
    public let type: String
    public let schemaVersion: Int
    /// The bytes that become the envelope's `payload`, or the record's value where they are no JSON.
    public let payload: [UInt8]
    public let contentType: ContentType
    public let metadata: EventMetadata
    public internal(set) var delivery = DeliveryTime.now

    public init(
        topic: String, key: String, type: String, schemaVersion: Int = 1, payload: [UInt8],
        contentType: ContentType = .json, metadata: EventMetadata
    ) {
        self.topic = topic
        self.key = key
        self.type = type
        self.schemaVersion = schemaVersion
        self.payload = payload
        self.contentType = contentType
        self.metadata = metadata
    }
}
