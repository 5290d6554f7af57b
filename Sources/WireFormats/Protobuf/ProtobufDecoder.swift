import JSON

/// Reads payloads in the wire format of Protocol Buffers, and writes them as the JSON that the coders of facts read.
///
/// As the format asks of readers: unknown fields are passed over, of a field that comes again the last one counts, parts of
/// one message are merged, lists of numbers come packed or not. Stricter where a value would be lost: a field of another
/// wire type, a number of more bits than its type has, and text that isn't UTF-8 are errors.
///
/// What isn't there is written as its zero where the schema tells no difference; a message, a time or an amount that isn't
/// there stays away, and its reader says whether it can do without.
package struct ProtobufDecoder {
    private var json: [UInt8] = []
    private let limit: Int
    /// Fields of the messages that are being read, the innermost last.
    private var found: [Found] = []

    private struct Found {
        let place: Int
        let wire: ProtobufWireType
        /// The value alone: of text and messages without their length, of others from their first byte on.
        let start: Int
        let end: Int
    }

    /// The payload as a JSON object.
    ///
    /// - Parameter limit: of its bytes.
    package static func json(
        _ bytes: UnsafeRawBufferPointer, _ plan: RecordPlan, limit: Int
    ) throws(WireFormatError) -> [UInt8] {
        var decoder = ProtobufDecoder(limit: limit, capacity: bytes.count)
        try decoder.message(bytes, plan)
        return decoder.json
    }

    private init(limit: Int, capacity: Int) {
        self.limit = limit
        json.reserveCapacity(2 * capacity + 128)
    }

    // MARK: Fields

    private mutating func message(_ bytes: UnsafeRawBufferPointer, _ plan: RecordPlan) throws(WireFormatError) {
        let first = found.count
        try find(in: bytes, plan)
        if !found[first...].isSorted(by: \.place) {
            // Those of one field stay in their order.
            found[first...].sort { ($0.place, $0.start) < ($1.place, $1.start) }
        }
        json.append(UInt8(ascii: "{"))
        let members = json.count
        var next = first
        let last = found.count
        for (place, field) in plan.fields.enumerated() {
            let start = next
            while next < last, found[next].place == place { next += 1 }
            let rollback = json.count
            if json.count > members { json.append(UInt8(ascii: ",")) }
            json += field.member
            do {
                guard try member(field, start..<next, bytes) else {
                    json.removeSubrange(rollback...)
                    continue
                }
            } catch {
                throw WireFormatError(error.reason, at: "/\(field.name)\(error.pointer)")
            }
        }
        json.append(UInt8(ascii: "}"))
        guard json.count <= limit else { throw WireFormatError("has more than \(limit) bytes as JSON") }
        found.removeSubrange(first...)
    }

    private mutating func find(in bytes: UnsafeRawBufferPointer, _ plan: RecordPlan) throws(WireFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            let (number, wire) = try Self.tag(&reader)
            guard let place = plan.place(ofNumber: number) else {
                try Self.skip(number, wire, &reader)
                continue
            }
            var start = reader.position
            if wire == .counted {
                let value = try reader.take(try reader.varint())
                start = reader.position - value.count
            } else {
                try Self.skip(number, wire, &reader)
            }
            found.append(Found(place: place, wire: wire, start: start, end: reader.position))
        }
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

    /// Appends a member's value; false where there is none.
    private mutating func member(
        _ field: RecordPlan.Field, _ range: Range<Int>, _ bytes: UnsafeRawBufferPointer
    ) throws(WireFormatError) -> Bool {
        if case .list(let element) = field.value {
            if range.isEmpty, field.isOptional { return false }
            try list(element, range, bytes)
            return true
        }
        guard let last = range.last else { return field.isOptional ? false : zero(of: field.value) }
        switch field.value {
        case .record, .time:
            guard range.count > 1 else { break }
            // Two parts of one message, one after the other, are the message (protobuf.dev, "Last One Wins").
            var whole: [UInt8] = []
            for index in range {
                try expect(.counted, found[index])
                whole += bytes[found[index].start..<found[index].end]
            }
            do {
                try whole.withUnsafeBytes { try self.value(field.value, .counted, $0) }
            } catch {
                throw error as? WireFormatError ?? WireFormatError("\(error)")
            }
            return true
        default: break
        }
        let value = UnsafeRawBufferPointer(rebasing: bytes[found[last].start..<found[last].end])
        // A required amount that is an empty text is one that isn't there.
        if value.isEmpty, !field.isOptional, found[last].wire == .counted {
            switch field.value {
            case .amount, .json: return false
            default: break
            }
        }
        try self.value(field.value, found[last].wire, value)
        return true
    }

    /// What stands for a value that isn't there; false where nothing can.
    private mutating func zero(of value: ValuePlan) -> Bool {
        switch value {
        case .text: json += "\"\"".utf8
        case .bool: json += "false".utf8
        case .int32, .int64: json.append(UInt8(ascii: "0"))
        case .double: json += "0.0".utf8
        case .time, .amount, .json, .record, .list: return false
        }
        return true
    }

    private mutating func list(
        _ element: ValuePlan, _ range: Range<Int>, _ bytes: UnsafeRawBufferPointer
    ) throws(WireFormatError) {
        json.append(UInt8(ascii: "["))
        let start = json.count
        for index in range {
            let (wire, part) = (found[index].wire, bytes[found[index].start..<found[index].end])
            var reader = ByteReader(UnsafeRawBufferPointer(rebasing: part))
            if wire == .counted, let single = element.packed {
                while !reader.isAtEnd {
                    let from = reader.position
                    try Self.skip(0, single, &reader)
                    if json.count > start { json.append(UInt8(ascii: ",")) }
                    try value(element, single, UnsafeRawBufferPointer(rebasing: reader.bytes[from..<reader.position]))
                    guard json.count <= limit else { throw WireFormatError("has more than \(limit) bytes as JSON") }
                }
            } else {
                if json.count > start { json.append(UInt8(ascii: ",")) }
                try value(element, wire, reader.bytes)
            }
        }
        json.append(UInt8(ascii: "]"))
    }

    /// Appends the JSON of one value.
    private mutating func value(
        _ plan: ValuePlan, _ wire: ProtobufWireType, _ bytes: UnsafeRawBufferPointer
    ) throws(WireFormatError) {
        var reader = ByteReader(bytes)
        switch plan {
        case .text:
            try expect(.counted, wire)
            guard UTF8Check.isValid(bytes) else { throw WireFormatError("must be UTF-8") }
            JSONWriter.append(utf8: bytes, to: &json)
        case .amount:
            try expect(.counted, wire)
            guard JSONScalars.isNumber(bytes) else { throw WireFormatError("must be a decimal number") }
            json.append(contentsOf: bytes)
        // Lists in lists are JSON here.
        case .json, .list:
            try expect(.counted, wire)
            guard JSONScalars.isValue(bytes) else { throw WireFormatError("must be JSON") }
            json.append(contentsOf: bytes)
        case .bool:
            try expect(.varint, wire)
            json += (try reader.varint() == 0 ? "false" : "true").utf8
        case .int32:
            try expect(.varint, wire)
            guard let number = Int32(exactly: Int64(bitPattern: try reader.varint())) else {
                throw WireFormatError("is out of range")
            }
            JSONWriter.append(Int64(number), to: &json)
        case .int64:
            try expect(.varint, wire)
            JSONWriter.append(Int64(bitPattern: try reader.varint()), to: &json)
        case .double:
            try expect(.fixed64, wire)
            guard let text = JSONScalars.text(of: Double(bitPattern: try reader.fixed64())) else {
                throw WireFormatError("is no number")
            }
            json += text.utf8
        case .time:
            try expect(.counted, wire)
            RFC3339.append(try Self.timestamp(bytes), to: &json)
        case .record(let record):
            try expect(.counted, wire)
            try message(bytes, record)
        }
    }

    private func expect(_ wanted: ProtobufWireType, _ field: Found) throws(WireFormatError) {
        try expect(wanted, field.wire)
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

extension ArraySlice {
    fileprivate func isSorted(by key: (Element) -> Int) -> Bool {
        zip(self, dropFirst()).allSatisfy { key($0) <= key($1) }
    }
}
