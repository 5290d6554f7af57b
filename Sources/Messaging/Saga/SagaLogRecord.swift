/// One record of a `SagaRowLog`: what an input was, and the lines that it left.
///
///     length   of what follows
///     kind     1 byte: of `SagaHeard`, or deadline, or operator
///     heard    16 bytes, of a fact
///     version  of the instance after it
///     at       microseconds since the Unix epoch
///     name     of a fact its type, of an operator who it was
///     id       of a fact whose id isn't in `heard`
///     lines    event, step, detail
///
/// Numbers are LEB128; a text is its length in bytes and UTF-8; one that may be missing has its length plus one, or zero.
struct SagaLogRecord {
    let heard: SagaHeard?
    private let kind: UInt8
    /// Behind `heard`.
    private let body: ArraySlice<UInt8>

    private static let deadline: UInt8 = 3
    private static let `operator`: UInt8 = 4

    /// The bytes aren't what any version of the program writes.
    struct Malformed: Error, CustomStringConvertible {
        let position: Int
        var description: String { "a log that can't be read from byte \(position) on" }
    }

    static func encoded(
        _ entries: [SagaLogEntry], cause: SagaCause, at: Int64, version: Int, heard: SagaHeard?
    ) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(96)
        switch cause {
        case .message(let id, let type):
            let heard = heard ?? SagaHeard(identity: id, id: id)
            body.append(heard.kind.rawValue)
            body.append(fixed: heard.high)
            body.append(fixed: heard.low)
            body.append(varint: UInt64(bitPattern: Int64(version)))
            body.append(varint: UInt64(bitPattern: at))
            body.append(text: type)
            if heard.kind == .digest { body.append(text: id) }
        case .deadline:
            body.append(deadline)
            body.append(varint: UInt64(bitPattern: Int64(version)))
            body.append(varint: UInt64(bitPattern: at))
        case .operator(let who):
            body.append(`operator`)
            body.append(varint: UInt64(bitPattern: Int64(version)))
            body.append(varint: UInt64(bitPattern: at))
            body.append(text: who)
        }
        for entry in entries {
            body.append(entry.event.code)
            body.append(optional: entry.step)
            body.append(optional: entry.detail)
        }
        var record: [UInt8] = []
        record.reserveCapacity(body.count + 2)
        record.append(varint: UInt64(body.count))
        record += body
        return record
    }

    /// In their order. Throws `Malformed`.
    func lines() throws -> [SagaRowLog.Line] {
        var reader = ByteReader(body)
        let version = Int(truncatingIfNeeded: try reader.varint())
        let at = Int64(bitPattern: try reader.varint())
        let cause: SagaCause
        switch kind {
        case Self.deadline: cause = .deadline
        case Self.operator: cause = .operator(try reader.text())
        default:
            let type = try reader.text()
            let id = if let heard, heard.kind == .uuid { heard.uuidText } else { try reader.text() }
            cause = .message(id: id, type: type)
        }
        var lines: [SagaRowLog.Line] = []
        while !reader.isAtEnd {
            let code = try reader.byte()
            let step = try reader.optionalText()
            let detail = try reader.optionalText()
            lines.append(
                SagaRowLog.Line(
                    version: version,
                    entry: SagaLogEntry.Event(code: code).map {
                        SagaLogEntry(at: at, cause: cause, event: $0, step: step, detail: detail)
                    }))
        }
        return lines
    }

    /// Goes through the records of a log, the newest first.
    struct Reader {
        private var reader: ByteReader

        init(_ bytes: [UInt8]) { reader = ByteReader(bytes[...]) }

        /// Where the next record begins.
        var position: Int { reader.position }

        /// Nil at the end. Throws `Malformed`.
        mutating func next() throws -> SagaLogRecord? {
            guard !reader.isAtEnd else { return nil }
            var body = ByteReader(try reader.bytes(try reader.varint()))
            let kind = try body.byte()
            if kind == SagaLogRecord.deadline || kind == SagaLogRecord.operator {
                return SagaLogRecord(heard: nil, kind: kind, body: body.rest)
            }
            guard let known = SagaHeard.Kind(rawValue: kind) else { throw Malformed(position: body.position - 1) }
            let heard = SagaHeard(kind: known, high: try body.fixed(), low: try body.fixed())
            return SagaLogRecord(heard: heard, kind: kind, body: body.rest)
        }
    }

    private init(heard: SagaHeard?, kind: UInt8, body: ArraySlice<UInt8>) {
        self.heard = heard
        self.kind = kind
        self.body = body
    }
}

extension SagaLogEntry.Event {
    /// In rows of every version of the program: a code is never given to another event.
    fileprivate var code: UInt8 {
        switch self {
        case .started: 1
        case .cancelled: 2
        case .compensating: 3
        case .completed: 4
        case .compensated: 5
        case .awaited: 6
        case .overdue: 7
        case .requested: 8
        case .requestedAgain: 9
        case .succeeded: 10
        case .failed: 11
        case .timedOut: 12
        case .succeededLate: 13
        case .undoRequested: 14
        case .undoRequestedAgain: 15
        case .undoRefused: 16
        case .undone: 17
        case .abortRequested: 18
        case .abortRequestedAgain: 19
        case .aborted: 20
        case .retried: 21
        case .resolved: 22
        case .anomaly: 23
        case .attention: 24
        case .attentionEnded: 25
        }
    }

    private static let byCode = Dictionary(uniqueKeysWithValues: allCases.map { ($0.code, $0) })

    fileprivate init?(code: UInt8) {
        guard let event = Self.byCode[code] else { return nil }
        self = event
    }
}

extension [UInt8] {
    fileprivate mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// The most significant byte first.
    fileprivate mutating func append(fixed value: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
    }

    fileprivate mutating func append(text: String) {
        append(varint: UInt64(text.utf8.count))
        append(contentsOf: text.utf8)
    }

    fileprivate mutating func append(optional text: String?) {
        guard let text else { return append(0) }
        append(varint: UInt64(text.utf8.count) + 1)
        append(contentsOf: text.utf8)
    }
}

/// Reads what the extension above writes, and nothing beyond its end.
private struct ByteReader {
    private let all: ArraySlice<UInt8>
    private(set) var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        all = bytes
        position = bytes.startIndex
    }

    var isAtEnd: Bool { position == all.endIndex }
    var rest: ArraySlice<UInt8> { all[position...] }

    mutating func byte() throws -> UInt8 {
        guard position < all.endIndex else { throw SagaLogRecord.Malformed(position: position) }
        defer { position += 1 }
        return all[position]
    }

    mutating func varint() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let next = try byte()
            value |= UInt64(next & 0x7f) << shift
            if next < 0x80 { return value }
        }
        throw SagaLogRecord.Malformed(position: position)
    }

    mutating func fixed() throws -> UInt64 {
        try bytes(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func bytes(_ count: UInt64) throws -> ArraySlice<UInt8> {
        guard count <= UInt64(all.endIndex - position) else { throw SagaLogRecord.Malformed(position: position) }
        defer { position += Int(count) }
        return all[position..<(position + Int(count))]
    }

    mutating func text() throws -> String { String(decoding: try bytes(try varint()), as: UTF8.self) }

    mutating func optionalText() throws -> String? {
        let length = try varint()
        return length == 0 ? nil : String(decoding: try bytes(length - 1), as: UTF8.self)
    }
}
