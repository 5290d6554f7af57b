import JSON
import Schemas

/// Reads payloads in Avro's binary encoding by their writer's schema, and writes them as the JSON that the coders of facts
/// read.
package struct AvroDecoder: ~Copyable {
    private var json: ByteSink
    private var reader: ByteReader
    private let document: AvroDocument
    private let limit: Int
    /// Values that have no bytes, of which a few can claim to be any number.
    private var empty = 0

    private static let emptyLimit = 65_536

    /// The payload as a JSON object.
    ///
    /// - Parameter limit: of its bytes.
    package static func json(
        _ bytes: UnsafeRawBufferPointer, by plan: AvroPlan, limit: Int
    ) throws(WireFormatError) -> [UInt8] {
        var decoder = AvroDecoder(ByteReader(bytes), plan.document, limit: limit)
        _ = try decoder.value(plan.root)
        guard decoder.reader.isAtEnd else {
            throw WireFormatError("has \(decoder.reader.remaining) bytes after its end")
        }
        return decoder.json.array()
    }

    private init(_ reader: ByteReader, _ document: AvroDocument, limit: Int) {
        self.reader = reader
        self.document = document
        self.limit = limit
        json = ByteSink(capacity: 2 * reader.remaining + 128)
    }

    /// Appends the JSON of the next value; false where it is null, of which nothing is said.
    private mutating func value(_ step: AvroStep) throws(WireFormatError) -> Bool {
        if let kind = AvroScalar(step) {
            try scalar(kind)
            return true
        }
        switch step {
        case .null: return false
        case .float: try number(Double(Float(bitPattern: try reader.fixed32())))
        case .time(let unit): json.appendTime(try time(unit))
        case .list(let element): try list(element)
        case .record(let step): try record(step)
        case .union(let branches): return try value(branches[try branch(of: branches.count)])
        case .mismatch(let reason): throw WireFormatError(reason)
        case .text, .amount, .json, .bool, .int32, .int64, .double: return false
        }
        try checkLimit()
        return true
    }

    private mutating func scalar(_ kind: AvroScalar) throws(WireFormatError) {
        switch kind {
        case .text:
            guard json.appendText(try counted()) else { throw WireFormatError("must be UTF-8") }
        case .amount:
            let text = try counted()
            guard JSONScalars.isNumber(text) else { throw WireFormatError("must be a decimal number") }
            json.append(text)
        case .json:
            let text = try counted()
            guard JSONScalars.isValue(text) else { throw WireFormatError("must be JSON") }
            json.append(text)
        case .bool: json.append(try bool() ? "true" : "false")
        case .int32:
            guard let number = Int32(exactly: try reader.zigzag()) else { throw WireFormatError("is out of range") }
            json.appendNumber(Int64(number))
        case .int64: json.appendNumber(try reader.zigzag())
        case .double: try number(Double(bitPattern: try reader.fixed64()))
        case .time: json.appendTime(try time(1))
        }
        try checkLimit()
    }

    private func checkLimit() throws(WireFormatError) {
        guard json.count <= limit else { throw WireFormatError("has more than \(limit) bytes as JSON") }
    }

    private mutating func branch(of count: Int) throws(WireFormatError) -> Int {
        let branch = try reader.zigzag()
        guard branch >= 0, branch < count else { throw WireFormatError("has no branch \(branch)") }
        return Int(branch)
    }

    private mutating func record(_ step: AvroRecordStep) throws(WireFormatError) {
        json.append(UInt8(ascii: "{"))
        let start = json.count
        for index in step.fields.indices {
            guard let place = step.fields[index].place else {
                try skip(step.writers[index], depth: 0)
                continue
            }
            do {
                try member(index, place, of: step, start)
            } catch {
                throw WireFormatError(error.reason, at: "/\(step.reader.names.names[place])\(error.pointer)")
            }
        }
        json.append(UInt8(ascii: "}"))
    }

    /// - Parameters:
    ///   - index: of the writer's field.
    ///   - place: of the reader's.
    ///   - start: of the object, behind its brace.
    private mutating func member(
        _ index: Int, _ place: Int, of step: AvroRecordStep, _ start: Int
    ) throws(WireFormatError) {
        let field = step.fields[index]
        let before = json.count
        guard let scalar = field.scalar else {
            json.beginMember(place, of: step.reader, objectStart: start)
            if try !value(step.steps[index]) { json.truncate(to: before) }
            return
        }
        if field.isOptional, try branch(of: 2) == 0 { return }
        json.beginMember(place, of: step.reader, objectStart: start)
        try self.scalar(scalar)
    }

    private mutating func list(_ element: AvroStep) throws(WireFormatError) {
        json.append(UInt8(ascii: "["))
        let start = json.count
        while let count = try block() {
            for _ in 0..<count {
                if json.count > start { json.append(UInt8(ascii: ",")) }
                let position = reader.position
                if try !value(element) { json.append("null") }
                try note(emptyAt: position)
            }
        }
        json.append(UInt8(ascii: "]"))
    }

    // MARK: Pieces

    /// How many items the next block has; nil at the end of them.
    private mutating func block() throws(WireFormatError) -> UInt64? {
        let count = try reader.zigzag()
        // A negative one has the size of its block behind it, for those who pass it over.
        if count < 0 { _ = try reader.zigzag() }
        return count == 0 ? nil : count.magnitude
    }

    private mutating func note(emptyAt position: Int) throws(WireFormatError) {
        guard reader.position == position else { return }
        empty += 1
        guard empty <= Self.emptyLimit else { throw WireFormatError("has more than \(Self.emptyLimit) empty values") }
    }

    private mutating func counted() throws(WireFormatError) -> UnsafeRawBufferPointer {
        let count = try reader.zigzag()
        guard count >= 0 else { throw WireFormatError("has a negative length") }
        return try reader.take(UInt64(count))
    }

    private mutating func bool() throws(WireFormatError) -> Bool {
        let byte = try reader.byte()
        guard byte <= 1 else { throw WireFormatError("must be true or false") }
        return byte == 1
    }

    private mutating func number(_ value: Double) throws(WireFormatError) {
        guard json.appendNumber(value) else { throw WireFormatError("is no number") }
    }

    /// Microseconds since the Unix epoch.
    private mutating func time(_ unit: Int64) throws(WireFormatError) -> Int64 {
        let count = try reader.zigzag()
        let (time, isTooMuch) = unit == 0 ? (count / 1_000, false) : count.multipliedReportingOverflow(by: unit)
        guard !isTooMuch, RFC3339.range.contains(time) else {
            throw WireFormatError("must be a time from the year 1 to 9999")
        }
        return time
    }

    // MARK: What the reader hasn't

    /// A writer's schema may contain itself.
    private static let depthLimit = 64

    private mutating func skip(_ schema: AvroSchema, depth: Int) throws(WireFormatError) {
        let position = reader.position
        try skipValue(schema, depth: depth)
        try note(emptyAt: position)
    }

    private mutating func skipValue(_ schema: AvroSchema, depth: Int) throws(WireFormatError) {
        guard depth < Self.depthLimit else { throw WireFormatError("has values too deep in each other") }
        guard let schema = document.resolve(schema) else { throw WireFormatError("has a type that isn't declared") }
        switch schema.bare {
        case .null: break
        case .boolean: _ = try bool()
        case .int, .long: _ = try reader.zigzag()
        case .float: _ = try reader.take(4)
        case .double: _ = try reader.take(8)
        case .bytes, .string: _ = try counted()
        case .fixed(let fixed): _ = try reader.take(UInt64(max(0, fixed.size)))
        case .enumeration: _ = try reader.zigzag()
        case .array(let element):
            while let count = try block() {
                for _ in 0..<count { try skip(element, depth: depth + 1) }
            }
        case .map(let element):
            while let count = try block() {
                for _ in 0..<count {
                    _ = try counted()
                    try skip(element, depth: depth + 1)
                }
            }
        case .record(let record):
            for field in record.fields { try skip(field.schema, depth: depth + 1) }
        case .union(let branches):
            let branch = try reader.zigzag()
            guard branch >= 0, branch < branches.count else { throw WireFormatError("has no branch \(branch)") }
            try skip(branches[Int(branch)], depth: depth + 1)
        case .named, .logical: throw WireFormatError("has a type that isn't declared")
        }
    }
}
