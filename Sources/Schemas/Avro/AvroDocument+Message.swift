// What our messages are called and look like in Avro.

extension AvroDocument {
    /// The schema of a message of ours: one record, with every record inside declared where it is first used.
    public init(_ schema: MessageSchema) {
        var declared: Set<String> = []
        self.init(
            AvroSchema.record(
                schema.record, doc: schema.summary, namespace: Self.namespace(version: schema.version), &declared))
    }

    /// `orderflow.avro.v1`, apart from the package of Protocol Buffers, so that one registry has both.
    public static func namespace(version: Int) -> String { "orderflow.avro.v\(version)" }
}

extension AvroSchema {
    fileprivate static func record(
        _ record: RecordSchema, doc: String, namespace: String, _ declared: inout Set<String>
    ) -> AvroSchema {
        let fullName = "\(namespace).\(record.name)"
        guard declared.insert(fullName).inserted else { return .named(fullName) }
        var fields: [AvroField] = []
        for field in record.fields {
            let schema = AvroSchema(field.type, namespace: namespace, &declared)
            fields.append(
                AvroField(
                    field.name, field.isOptional ? .union([.null, schema]) : schema, doc: field.note,
                    defaultValue: field.isOptional ? "null" : nil))
        }
        return .record(AvroRecord(fullName, doc: doc, fields))
    }

    private init(_ type: SchemaType, namespace: String, _ declared: inout Set<String>) {
        self =
            switch type {
            case .text, .amount, .json: .string
            case .bool: .boolean
            case .int32: .int
            case .int64: .long
            case .double: .double
            case .time: .logical(.timestampMicros, .long)
            case .list(let element): .array(AvroSchema(element, namespace: namespace, &declared))
            case .record(let record): .record(record, doc: "", namespace: namespace, &declared)
            }
    }
}
