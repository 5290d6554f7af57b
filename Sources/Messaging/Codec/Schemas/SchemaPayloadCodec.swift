import Schemas

/// Payloads in Protocol Buffers or Avro, in Confluent's wire format.
struct SchemaPayloadCodec: PayloadCodec {
    /// Nil for what the schema's id says.
    private let format: SchemaFormat?
    private let schemas: SchemaPayloads

    init(_ format: SchemaFormat?, _ schemas: SchemaPayloads) {
        self.format = format
        self.schemas = schemas
    }

    var contentType: ContentType { format?.contentType ?? Self.unnamed }
    var aliases: [ContentType] { format?.aliases ?? [] }
    var isTrusted: Bool { true }

    private static let unnamed = ContentType("application/octet-stream")

    func json(of payload: [UInt8], type: String, schemaVersion: Int) throws -> [UInt8] {
        try schemas.json(of: payload, type: type, version: schemaVersion, format: format)
    }

    func payload(ofJSON json: [UInt8], type: String, schemaVersion: Int) throws -> [UInt8] {
        guard let format else { throw SchemaLookupError.unknown("no format is named") }
        return try json.withUnsafeBytes {
            try SchemaPayloads.Writer(schemas).payload(
                ofJSON: $0, type: type, version: schemaVersion, format: format)
        }
    }
}

extension SchemaFormat {
    /// What our records say. `application/protobuf` is what CloudEvents and the IETF's draft-ietf-dispatch-mime-protobuf
    /// call it, `avro/binary` what Avro's specification does. Confluent's own serializers name none.
    var contentType: ContentType {
        switch self {
        case .protobuf: Self.protobufType
        case .avro: Self.avroType
        }
    }

    /// What foreign producers say.
    var aliases: [ContentType] {
        switch self {
        case .protobuf: Self.protobufAliases
        case .avro: Self.avroAliases
        }
    }

    private static let protobufType = ContentType("application/protobuf")
    private static let avroType = ContentType("avro/binary")
    private static let protobufAliases = [
        "application/x-protobuf", "application/x-protobuffer", "application/vnd.google.protobuf",
    ].map { ContentType($0) }
    private static let avroAliases = ["application/avro", "application/x-avro", "application/vnd.apache.avro"].map {
        ContentType($0)
    }
}
