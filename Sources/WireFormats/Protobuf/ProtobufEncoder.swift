import JSON

/// Writes payloads in the wire format of Protocol Buffers ("Encoding", protobuf.dev): fields by rising numbers, numbers in
/// lists packed, what equals its type's zero left out where the schema tells no difference. The bytes are those that
/// the serializers of Google's libraries write.
package enum ProtobufEncoder {
    /// Appends a payload, which is a JSON object.
    ///
    /// - Throws: `WireFormatError` or `JSONError` for what the schema can't say: a member that it hasn't, one that it
    ///   needs and that isn't there, a value of another type.
    package static func append(
        _ json: UnsafeRawBufferPointer, _ plan: RecordPlan, to buffer: PayloadBuffer
    ) throws {
        var reader = JSONReader(json)
        try message(plan, &reader, &buffer.order, &buffer.bytes)
        try reader.end()
    }

    private static func message(
        _ plan: RecordPlan, _ reader: inout JSONReader, _ order: inout MemberOrder, _ bytes: inout ByteSink
    ) throws {
        try order.object(plan, order: plan.byNumber, &reader, to: &bytes, absent: nil) { place, reader, order, bytes in
            let field = plan.fields[place]
            switch field.kind {
            case .list, .record:
                guard case .list(let element) = plan.values[place] else {
                    return try value(plan.values[place], field.number, field.isOptional, &reader, &order, &bytes)
                }
                let start = bytes.count
                try list(element, field.number, &reader, &order, &bytes)
                // The format has no word for a list that is there and empty.
                if field.isOptional, bytes.count == start { throw WireFormatError("must not be empty") }
            default: try scalar(field.kind, field.number, field.isOptional, &reader, &bytes)
            }
        }
    }

    /// - Parameter isExplicit: a zero is written too.
    private static func value(
        _ value: ValuePlan, _ number: Int, _ isExplicit: Bool, _ reader: inout JSONReader, _ order: inout MemberOrder,
        _ bytes: inout ByteSink
    ) throws {
        guard case .record(let plan) = value else {
            return try scalar(value.kind, number, isExplicit, &reader, &bytes)
        }
        tag(number, .counted, &bytes)
        let place = bytes.reserveVarint()
        try message(plan, &reader, &order, &bytes)
        bytes.setLength(at: place)
    }

    private static func scalar(
        _ kind: ValueKind, _ number: Int, _ isExplicit: Bool, _ reader: inout JSONReader, _ bytes: inout ByteSink
    ) throws {
        switch kind {
        case .text:
            guard let plain = try reader.readPlainText() else {
                return try reader.readText { text($0, number, isExplicit, &bytes) }
            }
            text(plain, number, isExplicit, &bytes)
        case .amount: try reader.readDigits { text($0, number, isExplicit, &bytes) }
        // Lists in lists are JSON here; records have a step of their own.
        case .json, .list, .record: text(try reader.rawValue(), number, isExplicit, &bytes)
        case .bool, .int32, .int64:
            let bits = try varint(kind, &reader)
            guard isExplicit || bits != 0 else { return }
            tag(number, .varint, &bytes)
            bytes.appendVarint(bits)
        case .double:
            let bits = try reader.readDouble().bitPattern
            guard isExplicit || bits != 0 else { return }
            tag(number, .fixed64, &bytes)
            bytes.appendFixed64(bits)
        case .time:
            tag(number, .counted, &bytes)
            let place = bytes.reserveVarint()
            timestamp(try reader.readTime(), &bytes)
            bytes.setLength(at: place)
        }
    }

    private static func list(
        _ element: ValuePlan, _ number: Int, _ reader: inout JSONReader, _ order: inout MemberOrder,
        _ bytes: inout ByteSink
    ) throws {
        switch element {
        case .bool, .int32, .int64, .double:
            guard reader.peekKind() == .array else { return try reader.readArray { _, _ in } }
            let start = bytes.count
            tag(number, .counted, &bytes)
            let place = bytes.reserveVarint()
            try reader.readArray { _, reader in
                if case .double = element {
                    bytes.appendFixed64(try reader.readDouble().bitPattern)
                } else {
                    bytes.appendVarint(try varint(element.kind, &reader))
                }
            }
            if bytes.count == place + 1 {
                bytes.truncate(to: start)
            } else {
                bytes.setLength(at: place)
            }
        default:
            try reader.readArray { _, reader in try value(element, number, true, &reader, &order, &bytes) }
        }
    }

    /// A negative number has ten bytes, also where it has 32 bits.
    private static func varint(_ kind: ValueKind, _ reader: inout JSONReader) throws -> UInt64 {
        switch kind {
        case .bool: try reader.readBool() ? 1 : 0
        case .int32: UInt64(bitPattern: Int64(try reader.readInt32()))
        default: UInt64(bitPattern: try reader.readInt64())
        }
    }

    private static func text(
        _ text: UnsafeRawBufferPointer, _ number: Int, _ isExplicit: Bool, _ bytes: inout ByteSink
    ) {
        guard isExplicit || !text.isEmpty else { return }
        tag(number, .counted, &bytes)
        bytes.appendVarint(UInt64(text.count))
        bytes.append(text)
    }

    /// `google.protobuf.Timestamp`: seconds, and nanoseconds that count forwards before 1970 too.
    private static func timestamp(_ microseconds: Int64, _ bytes: inout ByteSink) {
        var (seconds, fraction) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        if fraction < 0 {
            fraction += 1_000_000
            seconds -= 1
        }
        if seconds != 0 {
            tag(ProtobufTimestamp.seconds, .varint, &bytes)
            bytes.appendVarint(UInt64(bitPattern: seconds))
        }
        if fraction != 0 {
            tag(ProtobufTimestamp.nanos, .varint, &bytes)
            bytes.appendVarint(UInt64(fraction) * 1_000)
        }
    }

    private static func tag(_ number: Int, _ type: ProtobufWireType, _ bytes: inout ByteSink) {
        bytes.appendVarint(UInt64(number) << 3 | type.rawValue)
    }
}

/// How long a field's value is ("Encoding: Message Structure").
enum ProtobufWireType: UInt64 {
    case varint = 0, fixed64, counted, groupStart, groupEnd, fixed32
}

/// Field numbers of `google/protobuf/timestamp.proto`.
enum ProtobufTimestamp {
    static let seconds = 1
    static let nanos = 2
}
