import Schemas

// A message as its writer's schema alone has it. For what is of another version than ours: it is read as it was written,
// and upcasters bring its JSON up to the present one. What our schemas don't say is refused, since those were ours.

extension RecordPlan {
    /// Records in records, at most.
    private static let depthLimit = 16

    /// The first message of a file. Amounts are texts then, which coders take as well.
    package convenience init(writer file: ProtoFile) throws(WireFormatError) {
        guard let message = file.messages.first else { throw WireFormatError("has no message in its writer's schema") }
        self.init(try Self.record(message, path: file.path(of: message), file, depth: 0))
    }

    package convenience init(writer document: AvroDocument) throws(WireFormatError) {
        guard case .record(let record)? = document.resolve(document.root)?.bare else {
            throw WireFormatError("is no record in its writer's schema")
        }
        self.init(try Self.record(record, document, depth: 0))
    }

    // MARK: Protocol Buffers

    private static func record(
        _ message: ProtoMessage, path: String, _ file: ProtoFile, depth: Int
    ) throws(WireFormatError) -> RecordSchema {
        guard depth < depthLimit else { throw WireFormatError("is nested too deep in its writer's schema") }
        var fields: [SchemaField] = []
        for field in message.fields {
            var type = try self.type(field.type, of: field.name, path: path, file, depth: depth)
            if field.label == .repeated { type = .list(type) }
            fields.append(
                SchemaField(
                    field.number, field.jsonName, type, isOptional: field.label == .optional || field.oneof != nil))
        }
        return RecordSchema(message.name, fields)
    }

    private static func type(
        _ type: ProtoType, of name: String, path: String, _ file: ProtoFile, depth: Int
    ) throws(WireFormatError) -> SchemaType {
        switch type {
        case .string: return .text
        case .bool: return .bool
        case .int32: return .int32
        case .int64: return .int64
        case .double: return .double
        case .named(let name):
            switch file.resolve(name, in: path) {
            case .wellKnown("google.protobuf.Timestamp"): return .time
            case .message(let message, let path):
                return .record(try record(message, path: path, file, depth: depth + 1))
            default: break
            }
        default: break
        }
        throw WireFormatError("is of a type that ours never are, in its writer's schema", at: "/\(name)")
    }

    // MARK: Avro

    private static func record(
        _ record: AvroRecord, _ document: AvroDocument, depth: Int
    ) throws(WireFormatError) -> RecordSchema {
        guard depth < depthLimit else { throw WireFormatError("is nested too deep in its writer's schema") }
        var fields: [SchemaField] = []
        for (place, field) in record.fields.enumerated() {
            var schema = field.schema
            var isOptional = false
            if case .union(let branches) = schema, branches.count == 2, branches[0] == .null {
                (schema, isOptional) = (branches[1], true)
            }
            let type = try type(schema, of: field.name, document, depth: depth)
            fields.append(SchemaField(place + 1, field.name, type, isOptional: isOptional))
        }
        return RecordSchema(record.fullName.split(separator: ".").last.map(String.init) ?? "", fields)
    }

    private static func type(
        _ schema: AvroSchema, of name: String, _ document: AvroDocument, depth: Int
    ) throws(WireFormatError) -> SchemaType {
        guard let schema = document.resolve(schema) else {
            throw WireFormatError("has a type that isn't declared", at: "/\(name)")
        }
        if case .logical(.timestampMicros, .long) = schema { return .time }
        switch schema.bare {
        case .string: return .text
        case .boolean: return .bool
        case .int: return .int32
        case .long: return .int64
        case .double: return .double
        case .array(let element): return .list(try type(element, of: name, document, depth: depth + 1))
        case .record(let inner): return .record(try record(inner, document, depth: depth + 1))
        default: throw WireFormatError("is of a type that ours never are, in its writer's schema", at: "/\(name)")
        }
    }
}
