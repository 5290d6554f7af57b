// What our messages are called and look like in Protocol Buffers.
//
// One message a file, whose first one it is (message index 0), and no file needs another: a topic carries many types, a
// registry keeps each under a subject of its own, and each changes by itself. Records inside are messages inside.

extension ProtoFile {
    /// The schema of a message of ours.
    public init(_ schema: MessageSchema) {
        let message = ProtoMessage(schema.record, comment: schema.summary)
        let usesTime = schema.record.contains { $0 == .time }
        self.init(
            package: Self.package(version: schema.version), imports: usesTime ? [Self.timestampFile] : [],
            messages: [message])
    }

    /// `orderflow.v1`: versions of one message are two messages, which upcasters connect.
    public static func package(version: Int) -> String { "orderflow.v\(version)" }

    static let timestampFile = "google/protobuf/timestamp.proto"
    static let timestamp = "google.protobuf.Timestamp"
}

extension ProtoMessage {
    fileprivate init(_ record: RecordSchema, comment: String) {
        self.init(
            record.name, comment: comment, fields: record.fields.map(ProtoField.init),
            messages: record.nested.map { ProtoMessage($0, comment: "") },
            reservedNumbers: record.reserved.sorted().map { $0...$0 })
    }
}

extension ProtoField {
    fileprivate init(_ field: SchemaField) {
        let name = ProtoNames.field(field.name)
        var (type, label) = (ProtoType(field.type), Label.implicit)
        // A list that is missing and one without elements are one thing in this format.
        if case .list(let element) = field.type { (type, label) = (ProtoType(element), .repeated) }
        if label == .implicit, field.isOptional { label = .optional }
        self.init(
            name, field.number, type, label, jsonName: ProtoNames.json(name) == field.name ? nil : field.name,
            comment: field.note)
    }
}

extension ProtoType {
    /// Lists of lists don't exist in this format: the inner one is its JSON.
    fileprivate init(_ type: SchemaType) {
        self =
            switch type {
            case .text, .amount, .json, .list: .string
            case .bool: .bool
            case .int32: .int32
            case .int64: .int64
            case .double: .double
            case .time: .named(ProtoFile.timestamp)
            case .record(let record): .named(record.name)
            }
    }
}
