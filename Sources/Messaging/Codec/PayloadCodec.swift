/// Reads and writes payloads of one content type.
///
/// The event store, the outbox, the relay, Kafka and the dead letters carry a payload as bytes with a content type, and
/// never look inside. The coders of facts and commands read and write JSON; a codec stands between them and the bytes. One
/// for a binary format such as Protocol Buffers finds its schema by the message's type and schema version.
public protocol PayloadCodec: Sendable {
    /// The type that the codec is chosen by; parameters of a payload's own content type don't count.
    var contentType: ContentType { get }

    /// The payload as one JSON object (RFC 8259). Throws for bytes that are none of this type's: their record becomes a
    /// dead letter.
    func json(of payload: [UInt8], type: String, schemaVersion: Int) throws -> [UInt8]

    /// The payload of a JSON object, for producers that send in this format.
    func payload(ofJSON json: [UInt8], type: String, schemaVersion: Int) throws -> [UInt8]
}

/// JSON, which the coders of facts read as it is.
public struct JSONPayloadCodec: PayloadCodec {
    public init() {}

    public var contentType: ContentType { .json }
    public func json(of payload: [UInt8], type: String, schemaVersion: Int) -> [UInt8] { payload }
    public func payload(ofJSON json: [UInt8], type: String, schemaVersion: Int) -> [UInt8] { json }
}
