import JSON

/// Writes payloads in Avro's binary encoding (Apache Avro 1.12, "Binary Encoding"), as `AvroDocument` lays a message's
/// schema out: fields in their order, optional ones as unions whose first branch is null, lists in one block. The bytes
/// are those that `fastavro` writes.
package enum AvroEncoder {
    /// Appends a payload, which is a JSON object.
    ///
    /// - Throws: `WireFormatError` or `JSONError` for what the schema can't say: a member that it hasn't, one that it
    ///   needs and that isn't there, a value of another type.
    package static func append(
        _ json: UnsafeRawBufferPointer, _ plan: RecordPlan, to buffer: PayloadBuffer
    ) throws {
        var reader = JSONReader(json)
        try record(plan, &reader, &buffer.order, &buffer.bytes)
        try reader.end()
    }

    /// The branches of an optional field's union, as they are written.
    private static let null: UInt8 = 0
    private static let present: UInt8 = 2

    private static func record(
        _ plan: RecordPlan, _ reader: inout JSONReader, _ order: inout MemberOrder, _ bytes: inout ByteSink
    ) throws {
        try order.object(plan, order: plan.inOrder, &reader, to: &bytes, absent: null) { place, reader, order, bytes in
            let field = plan.fields[place]
            if field.isOptional { bytes.append(present) }
            switch field.kind {
            case .list, .record: try value(plan.values[place], &reader, &order, &bytes)
            default: try scalar(field.kind, &reader, &bytes)
            }
        }
    }

    private static func value(
        _ value: ValuePlan, _ reader: inout JSONReader, _ order: inout MemberOrder, _ bytes: inout ByteSink
    ) throws {
        switch value {
        case .record(let plan): try record(plan, &reader, &order, &bytes)
        case .list(let element):
            let start = bytes.reserveVarint()
            var count: UInt64 = 0
            try reader.readArray { _, reader in
                try Self.value(element, &reader, &order, &bytes)
                count += 1
            }
            // A block of as many items, and the empty one that ends the list; the latter alone where there are none.
            if count > 0 {
                bytes.setVarint(count << 1, at: start)
                bytes.append(0)
            }
        default: try scalar(value.kind, &reader, &bytes)
        }
    }

    private static func scalar(
        _ kind: ValueKind, _ reader: inout JSONReader, _ bytes: inout ByteSink
    ) throws {
        switch kind {
        case .text:
            guard let plain = try reader.readPlainText() else { return try reader.readText { text($0, &bytes) } }
            text(plain, &bytes)
        case .amount: try reader.readDigits { text($0, &bytes) }
        // Lists and records have steps of their own.
        case .json, .list, .record: text(try reader.rawValue(), &bytes)
        case .bool: bytes.append(try reader.readBool() ? 1 : 0)
        case .int32: bytes.appendZigzag(Int64(try reader.readInt32()))
        case .int64: bytes.appendZigzag(try reader.readInt64())
        case .double: bytes.appendFixed64(try reader.readDouble().bitPattern)
        case .time: bytes.appendZigzag(try reader.readTime())
        }
    }

    private static func text(_ text: UnsafeRawBufferPointer, _ bytes: inout ByteSink) {
        bytes.appendVarint(UInt64(text.count) << 1)
        bytes.append(text)
    }
}
