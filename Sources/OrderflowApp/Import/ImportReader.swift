import JSON
import Orders

/// How the orders of a file are written.
enum ImportFormat: String, CaseIterable, Sendable {
    /// A JSON object a line.
    case ndjson
    /// One JSON array of objects.
    case json
    /// A table with a header (`CSVOrders`).
    case csv

    /// As a file's name ends; nil where that says nothing.
    static func of(path: String) -> ImportFormat? {
        switch path.split(separator: ".").last.map({ $0.lowercased() }) {
        case "csv": .csv
        case "json": .json
        case "ndjson", "jsonl": .ndjson
        default: nil
        }
    }

    /// As a text begins.
    static func of(_ bytes: [UInt8]) -> ImportFormat {
        switch bytes.first(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D && $0 != 0x0A }) {
        case UInt8(ascii: "["): .json
        case UInt8(ascii: "{"): .ndjson
        default: .csv
        }
    }
}

/// The orders of a file, one after the other. Holds one block of it and one order.
final class ImportReader {
    struct Options: Sendable {
        /// Nil: as the text begins.
        var format: ImportFormat?
        var separator = UInt8(ascii: ",")
        var ignoresUnknownColumns = false
    }

    private let input: ImportInput
    private let options: Options
    /// Nil until the first block is read.
    private var format: ImportFormat?
    private var splitter = RecordSplitter(.lines, limit: OrderRequest.Limit.bytes)
    private var parser = CSVParser()
    /// Nil until the header is read.
    private var orders: CSVOrders?
    private var block: [UInt8] = []
    private var position = 0
    private var isLast = false
    /// Records, or lines, before the present one.
    private var before = 0

    init(_ path: String?, _ options: Options) throws(ImportError) {
        input = try ImportInput(path)
        self.options = options
    }

    /// Bytes of the input that were looked at.
    var offset: Int64 { input.count - Int64(block.count - position) }
    var size: Int64? { input.size }
    /// Of the whole file, once it is read.
    var digest: String { input.digest }

    /// The next order; nil at the end.
    func next() throws -> ImportRecord? {
        if format == nil { try begin() }
        return try format == .csv ? nextCSV() : nextJSON(format == .json ? .element : .line)
    }

    private func begin() throws(ImportError) {
        try fill()
        // A byte order mark says nothing in UTF-8.
        if block.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        format = options.format ?? .of(Array(block[position...].prefix(4_096)))
        if format == .json { splitter = RecordSplitter(.array, limit: OrderRequest.Limit.bytes) }
        parser = CSVParser(separator: options.separator)
    }

    /// Puts the next block behind what wasn't looked at.
    private func fill() throws(ImportError) {
        let more = try input.next()
        block.removeSubrange(..<position)
        position = 0
        block += more
        isLast = more.isEmpty
    }

    // MARK: JSON

    private func nextJSON(_ unit: ImportRecord.Unit) throws -> ImportRecord? {
        while true {
            var consumed = 0
            var record: ImportRecord?
            var needsMore = false
            var isEnd = false
            var lines = 0
            let (before, position, isLast) = (before, position, isLast)
            var splitter = splitter
            try block.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
                let step = splitter.next(rest, isLast: isLast, consumed: &consumed)
                lines = rest[..<consumed].count { $0 == 0x0A }
                switch step {
                case .record(let json):
                    let start = json.baseAddress.flatMap { record in rest.baseAddress.map { record - $0 } } ?? 0
                    let number = unit == .line ? before + rest[..<start].count { $0 == 0x0A } + 1 : before + 1
                    record = Self.record(json, at: ImportRecord.Place(unit: unit, number: number))
                case .tooLong:
                    let number = unit == .line ? before + max(lines, 1) : before + 1
                    record = ImportRecord(
                        flaw: "has more than \(OrderRequest.Limit.bytes) bytes",
                        at: ImportRecord.Place(unit: unit, number: number))
                case .needsMore: needsMore = true
                case .end: isEnd = true
                case .broken(let what): throw ImportError("behind \(unit.rawValue) \(before): \(what)")
                }
            }
            self.splitter = splitter
            self.position += consumed
            self.before += unit == .line ? lines : record == nil ? 0 : 1
            if let record { return record }
            if isEnd { return nil }
            if needsMore { try fill() }
        }
    }

    /// A record on one line. White space between its parts may have line ends, its texts may not (RFC 8259 §7).
    private static func record(_ bytes: UnsafeRawBufferPointer, at place: ImportRecord.Place) -> ImportRecord {
        var json = Array(bytes)
        var (isInString, isEscaped) = (false, false)
        for index in json.indices {
            let byte = json[index]
            if isInString, byte < 0x20 {
                return ImportRecord(flaw: "has a control character in a text", text: json, at: place)
            }
            if byte == 0x0A || byte == 0x0D { json[index] = 0x20 }
            if isEscaped {
                isEscaped = false
            } else if isInString, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString.toggle()
            }
        }
        return ImportRecord(json, at: place)
    }

    // MARK: CSV

    private func nextCSV() throws -> ImportRecord? {
        while true {
            while position < block.count {
                let byte = block[position]
                position += 1
                guard let row = try parser.take(byte) else { continue }
                if let record = try take(row) { return record }
            }
            if isLast {
                if let row = parser.finish(), let record = try take(row) { return record }
                return orders?.finish()
            }
            try fill()
        }
    }

    private func take(_ row: CSVParser.Row) throws(ImportError) -> ImportRecord? {
        guard orders == nil else { return orders?.take(row) }
        orders = try CSVOrders(
            header: row, separator: options.separator, ignoresUnknown: options.ignoresUnknownColumns)
        return nil
    }
}
