import JSON

/// Reads payloads in the wire format of Protocol Buffers, and writes them as the JSON that the coders of facts read.
///
/// As the format asks of readers: unknown fields are passed over, of a field that comes again the last one counts, parts of
/// one message are merged, lists of numbers come packed or not. Stricter where a value would be lost: a field of another
/// wire type, a number of more bits than its type has, and text that isn't UTF-8 are errors.
///
/// What isn't there is written as its zero where the schema tells no difference; a message, a time or an amount that isn't
/// there stays away, and its reader says whether it can do without.
package struct ProtobufDecoder: ~Copyable {
    private var json: ByteSink
    private let limit: Int
    /// Every message so far had its fields in the schema's order. Once one hasn't, none is tried so any more: those in
    /// each other would be read again and again.
    private var isStraight = true
    /// Fields of messages whose fields come in no order, the innermost last.
    private var found: [Found] = []

    private struct Found {
        let place: Int
        let value: Value
    }

    /// A field's value, not looked at yet.
    private struct Value {
        let wire: ProtobufWireType
        /// Of text and messages without their length, of others from their first byte on.
        let bytes: UnsafeRawBufferPointer
    }

    /// The payload as a JSON object.
    ///
    /// - Parameter limit: of its bytes.
    package static func json(
        _ bytes: UnsafeRawBufferPointer, _ plan: RecordPlan, limit: Int
    ) throws(WireFormatError) -> [UInt8] {
        var decoder = ProtobufDecoder(limit: limit, capacity: bytes.count)
        try decoder.message(bytes, plan)
        return decoder.json.array()
    }

    private init(limit: Int, capacity: Int) {
        self.limit = limit
        json = ByteSink(capacity: 2 * capacity + 128)
    }

    // MARK: Fields

    private mutating func message(_ bytes: UnsafeRawBufferPointer, _ plan: RecordPlan) throws(WireFormatError) {
        json.append(UInt8(ascii: "{"))
        let start = json.count
        var isWritten = false
        if isStraight { isWritten = (try? inOrder(bytes, plan, start)) ?? false }
        if !isWritten {
            isStraight = false
            json.truncate(to: start)
            try inAnyOrder(bytes, plan, start)
        }
        json.append(UInt8(ascii: "}"))
        guard json.count <= limit else { throw WireFormatError("has more than \(limit) bytes as JSON") }
    }

    /// Writes each member as its field comes, which works for what serializers write: fields in the schema's order, and
    /// each of them in one piece.
    ///
    /// - Returns: false where they come otherwise.
    /// - Throws: for what may be wrong. Whether it is, and where, `inAnyOrder` says: a later value may take its place.
    private mutating func inOrder(
        _ bytes: UnsafeRawBufferPointer, _ plan: RecordPlan, _ start: Int
    ) throws(WireFormatError) -> Bool {
        var reader = ByteReader(bytes)
        // Of the first member that isn't there yet.
        var next = 0
        // Where the list begins that may go on.
        var list: Int?
        while !reader.isAtEnd {
            let (number, wire) = try Self.tag(&reader)
            guard let place = plan.place(ofNumber: number) else {
                try Self.skip(number, wire, &reader)
                continue
            }
            let value = try Self.value(number, wire, &reader)
            if list == nil || place != next - 1 {
                guard place >= next else { return false }
                if list != nil { json.append(UInt8(ascii: "]")) }
                list = nil
                absent(next..<place, of: plan, start)
                next = place + 1
                if plan.fields[place].kind == .list {
                    json.beginMember(place, of: plan, objectStart: start)
                    json.append(UInt8(ascii: "["))
                    list = json.count
                }
            }
            if let list, case .list(let element) = plan.values[place] {
                try items(element, value, list)
            } else {
                try single(place, of: plan, start, value)
            }
        }
        if list != nil { json.append(UInt8(ascii: "]")) }
        absent(next..<plan.fields.count, of: plan, start)
        return true
    }

    private mutating func inAnyOrder(
        _ bytes: UnsafeRawBufferPointer, _ plan: RecordPlan, _ start: Int
    ) throws(WireFormatError) {
        let first = found.count
        try find(in: bytes, plan)
        let last = found.count
        var next = first
        for place in plan.fields.indices {
            let begin = next
            while next < last, found[next].place == place { next += 1 }
            guard begin < next else {
                absent(place..<(place + 1), of: plan, start)
                continue
            }
            do {
                try member(place, of: plan, start, begin..<next)
            } catch {
                throw WireFormatError(error.reason, at: "/\(plan.names.names[place])\(error.pointer)")
            }
        }
        found.removeLast(found.count - first)
    }

    private mutating func find(in bytes: UnsafeRawBufferPointer, _ plan: RecordPlan) throws(WireFormatError) {
        let first = found.count
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            let (number, wire) = try Self.tag(&reader)
            if let place = plan.place(ofNumber: number) {
                found.append(Found(place: place, value: try Self.value(number, wire, &reader)))
            } else {
                try Self.skip(number, wire, &reader)
            }
        }
        // Those of one field stay in their order.
        let sorted = found[first...].enumerated().sorted {
            ($0.element.place, $0.offset) < ($1.element.place, $1.offset)
        }
        found.replaceSubrange(first..., with: sorted.map(\.element))
    }

    private static func value(
        _ number: UInt64, _ wire: ProtobufWireType, _ reader: inout ByteReader
    ) throws(WireFormatError) -> Value {
        if wire == .counted { return Value(wire: wire, bytes: try reader.take(try reader.varint())) }
        let start = reader.position
        try skip(number, wire, &reader)
        return Value(wire: wire, bytes: UnsafeRawBufferPointer(rebasing: reader.bytes[start..<reader.position]))
    }

    private static func tag(_ reader: inout ByteReader) throws(WireFormatError) -> (UInt64, ProtobufWireType) {
        let tag = try reader.varint()
        guard tag <= UInt64(UInt32.max), tag >> 3 > 0, let wire = ProtobufWireType(rawValue: tag & 7) else {
            throw WireFormatError("has \(tag) where a field begins")
        }
        return (tag >> 3, wire)
    }

    /// Groups, which proto3 hasn't any more, nest so deep at most.
    private static let groupDepth = 32

    private static func skip(
        _ number: UInt64, _ wire: ProtobufWireType, _ reader: inout ByteReader
    ) throws(WireFormatError) {
        var groups: [UInt64] = []
        var (number, wire) = (number, wire)
        while true {
            switch wire {
            case .varint: _ = try reader.varint()
            case .fixed64: _ = try reader.take(8)
            case .fixed32: _ = try reader.take(4)
            case .counted: _ = try reader.take(try reader.varint())
            case .groupStart:
                guard groups.count < groupDepth else { throw WireFormatError("has groups too deep in each other") }
                groups.append(number)
            case .groupEnd:
                guard groups.popLast() == number else { throw WireFormatError("ends a group that it hasn't begun") }
            }
            if groups.isEmpty { return }
            (number, wire) = try tag(&reader)
        }
    }

    // MARK: Values

    /// Appends the member that a field is which came several times.
    private mutating func member(
        _ place: Int, of plan: RecordPlan, _ start: Int, _ range: Range<Int>
    ) throws(WireFormatError) {
        if case .list(let element) = plan.values[place] {
            json.beginMember(place, of: plan, objectStart: start)
            json.append(UInt8(ascii: "["))
            let list = json.count
            for index in range { try items(element, found[index].value, list) }
            return json.append(UInt8(ascii: "]"))
        }
        guard let last = range.last else { return }
        let kind = plan.fields[place].kind
        guard range.count > 1, kind == .record || kind == .time else {
            return try single(place, of: plan, start, found[last].value)
        }
        // Two parts of one message, one after the other, are the message (protobuf.dev, "Last One Wins").
        var whole: [UInt8] = []
        for index in range {
            try expect(.counted, found[index].value.wire)
            whole += found[index].value.bytes
        }
        do {
            try whole.withUnsafeBytes { try single(place, of: plan, start, Value(wire: .counted, bytes: $0)) }
        } catch {
            throw error as? WireFormatError ?? WireFormatError("\(error)")
        }
    }

    /// Appends a member that isn't a list.
    private mutating func single(
        _ place: Int, of plan: RecordPlan, _ start: Int, _ value: Value
    ) throws(WireFormatError) {
        let field = plan.fields[place]
        // A required amount that is an empty text is one that isn't there.
        let isText = field.kind == .amount || field.kind == .json
        if isText, !field.isOptional, value.wire == .counted, value.bytes.isEmpty { return }
        json.beginMember(place, of: plan, objectStart: start)
        guard field.kind == .record, case .record(let inner) = plan.values[place] else {
            return try scalar(field.kind, value)
        }
        try expect(.counted, value.wire)
        try message(value.bytes, inner)
    }

    /// Appends members that aren't there, as what stands for them; nothing where nothing can.
    private mutating func absent(_ places: Range<Int>, of plan: RecordPlan, _ start: Int) {
        for place in places where !plan.fields[place].isOptional {
            let zero: StaticString
            switch plan.fields[place].kind {
            case .text: zero = "\"\""
            case .bool: zero = "false"
            case .int32, .int64: zero = "0"
            case .double: zero = "0.0"
            case .list: zero = "[]"
            case .time, .amount, .json, .record: continue
            }
            json.beginMember(place, of: plan, objectStart: start)
            json.append(zero)
        }
    }

    /// Appends the items of a list, or one of them.
    ///
    /// - Parameter start: of the list, behind its bracket.
    private mutating func items(
        _ element: ValuePlan, _ value: Value, _ start: Int
    ) throws(WireFormatError) {
        if value.wire == .counted, let single = element.packed {
            var reader = ByteReader(value.bytes)
            while !reader.isAtEnd {
                if json.count > start { json.append(UInt8(ascii: ",")) }
                try scalar(element.kind, Self.value(0, single, &reader))
                guard json.count <= limit else { throw WireFormatError("has more than \(limit) bytes as JSON") }
            }
            return
        }
        if json.count > start { json.append(UInt8(ascii: ",")) }
        guard case .record(let inner) = element else { return try scalar(element.kind, value) }
        try expect(.counted, value.wire)
        try message(value.bytes, inner)
    }

    /// Appends the JSON of one value.
    private mutating func scalar(_ kind: ValueKind, _ value: Value) throws(WireFormatError) {
        let bytes = value.bytes
        switch kind {
        case .text:
            try expect(.counted, value.wire)
            guard json.appendText(bytes) else { throw WireFormatError("must be UTF-8") }
        case .amount:
            try expect(.counted, value.wire)
            guard JSONScalars.isNumber(bytes) else { throw WireFormatError("must be a decimal number") }
            json.append(bytes)
        // Lists in lists are JSON here; records have a step of their own.
        case .json, .list, .record:
            try expect(.counted, value.wire)
            guard JSONScalars.isValue(bytes) else { throw WireFormatError("must be JSON") }
            json.append(bytes)
        case .bool:
            json.append(try varint(value) == 0 ? "false" : "true")
        case .int32:
            guard let number = Int32(exactly: Int64(bitPattern: try varint(value))) else {
                throw WireFormatError("is out of range")
            }
            json.appendNumber(Int64(number))
        case .int64: json.appendNumber(Int64(bitPattern: try varint(value)))
        case .double:
            try expect(.fixed64, value.wire)
            var reader = ByteReader(bytes)
            guard json.appendNumber(Double(bitPattern: try reader.fixed64())) else {
                throw WireFormatError("is no number")
            }
        case .time:
            try expect(.counted, value.wire)
            json.appendTime(try Self.timestamp(bytes))
        }
    }

    private func varint(_ value: Value) throws(WireFormatError) -> UInt64 {
        try expect(.varint, value.wire)
        var reader = ByteReader(value.bytes)
        return try reader.varint()
    }

    private func expect(_ wanted: ProtobufWireType, _ wire: ProtobufWireType) throws(WireFormatError) {
        guard wire == wanted else {
            throw WireFormatError("has wire type \(wire.rawValue) instead of \(wanted.rawValue)")
        }
    }

    /// Microseconds since the Unix epoch; what is finer is cut, as from text.
    private static func timestamp(_ bytes: UnsafeRawBufferPointer) throws(WireFormatError) -> Int64 {
        var reader = ByteReader(bytes)
        var (seconds, nanos): (Int64, Int64) = (0, 0)
        while !reader.isAtEnd {
            let (number, wire) = try tag(&reader)
            switch (Int(number), wire) {
            case (ProtobufTimestamp.seconds, .varint): seconds = Int64(bitPattern: try reader.varint())
            case (ProtobufTimestamp.nanos, .varint): nanos = Int64(bitPattern: try reader.varint())
            case (ProtobufTimestamp.seconds, _), (ProtobufTimestamp.nanos, _):
                throw WireFormatError("is no google.protobuf.Timestamp")
            default: try skip(number, wire, &reader)
            }
        }
        let (micros, isTooMuch) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !isTooMuch, (0...999_999_999).contains(nanos), RFC3339.range.contains(micros) else {
            throw WireFormatError("must be a time from the year 1 to 9999")
        }
        return micros + nanos / 1_000
    }
}

extension ValuePlan {
    /// How each number of a packed list is written; nil for what is never packed.
    fileprivate var packed: ProtobufWireType? {
        switch self {
        case .bool, .int32, .int64: .varint
        case .double: .fixed64
        default: nil
        }
    }
}
