/// Reads and writes payloads of one content type.
///
/// The event store, the outbox, Kafka and the dead letters carry a payload as bytes with a content type, and never look
/// inside. The coders of facts and commands read and write JSON; a codec stands between them and the bytes.
public protocol PayloadCodec: Sendable {
    /// The type that the codec is chosen by; parameters of a payload's own content type don't count.
    var contentType: ContentType { get }
    /// As other producers call the same.
    var aliases: [ContentType] { get }
    /// What it reads is JSON by construction: nobody needs to look again.
    var isTrusted: Bool { get }

    /// The payload as one JSON object (RFC 8259).
    ///
    /// - Throws: `SchemaLookupError.unavailable` where the payload can't be read now, for an outage: it is to be tried
    ///   again. Anything else for bytes that are none of this type's: their record becomes a dead letter.
    func json(of payload: [UInt8], type: String, schemaVersion: Int) throws -> [UInt8]

    /// The payload of a JSON object, for producers that send in this format.
    func payload(ofJSON json: [UInt8], type: String, schemaVersion: Int) throws -> [UInt8]
}

extension PayloadCodec {
    public var aliases: [ContentType] { [] }
    public var isTrusted: Bool { false }
}

/// JSON, which the coders of facts read as it is.
public struct JSONPayloadCodec: PayloadCodec {
    public init() {}

    public var contentType: ContentType { .json }
    public func json(of payload: [UInt8], type: String, schemaVersion: Int) -> [UInt8] { payload }
    public func payload(ofJSON json: [UInt8], type: String, schemaVersion: Int) -> [UInt8] { json }
}
