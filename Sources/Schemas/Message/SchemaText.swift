/// One message in one format, as registries and files have it.
public struct SchemaText: Hashable, Sendable {
    public let reference: SchemaReference
    /// What a registry keeps: `.proto`, or `.avsc` in one line. The same for the same schema.
    public let text: String
    public let definition: SchemaDefinition
    /// The subject that a registry keeps it under: the message's full name in its format (`RecordNameStrategy`), since
    /// one topic has many types.
    public let subject: String

    public init(_ schema: MessageSchema, _ format: SchemaFormat) {
        reference = SchemaReference(type: schema.type, version: schema.version, format: format)
        switch format {
        case .protobuf:
            let file = ProtoFile(schema)
            (text, definition) = (file.text, .protobuf(file))
            subject = "\(file.package).\(schema.type)"
        case .avro:
            let document = AvroDocument(schema)
            (text, definition) = (document.text, .avro(document))
            subject = "\(AvroDocument.namespace(version: schema.version)).\(schema.type)"
        }
    }

    /// Every format of every message.
    public static func all(_ schemas: some Sequence<MessageSchema>) -> [SchemaText] {
        schemas.flatMap { schema in SchemaFormat.allCases.map { SchemaText(schema, $0) } }
    }
}

extension SchemaDefinition {
    /// - Throws: `SchemaSyntaxError` for a text that is no schema of the format.
    public init(parsing text: String, _ format: SchemaFormat) throws(SchemaSyntaxError) {
        self =
            switch format {
            case .protobuf: .protobuf(try ProtoFile(parsing: text))
            case .avro: .avro(try AvroDocument(parsing: text))
            }
    }

    public var format: SchemaFormat {
        switch self {
        case .protobuf: .protobuf
        case .avro: .avro
        }
    }
}
