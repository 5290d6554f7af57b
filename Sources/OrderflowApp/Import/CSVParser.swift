/// Rows of comma-separated values (RFC 4180), as their bytes arrive. Lines end with LF or CR LF; a field in quotes may have
/// separators, line ends and, doubled, quotes.
struct CSVParser {
    struct Row: Hashable, Sendable {
        /// Where it begins, from 1.
        let line: Int
        let fields: [[UInt8]]
        /// What breaks the format in it; its fields are what could be made of it.
        let flaw: String?
    }

    /// A row that is longer than any order: most likely a quote that nothing closes.
    struct RowTooLong: Error, Hashable, CustomStringConvertible {
        let line: Int
        var description: String {
            "the row that begins in line \(line) has more than \(CSVParser.rowLimit) bytes: is a quote not closed?"
        }
    }

    /// Bytes of a row.
    static let rowLimit = 1 << 20

    private enum Place { case fieldStart, bare, quoted, quoteInQuoted }

    private let separator: UInt8
    private var place = Place.fieldStart
    private var field: [UInt8] = []
    private var fields: [[UInt8]] = []
    private var flaw: String?
    private var size = 0
    /// The present one, and that in which the row began.
    private var line = 1
    private var startLine = 1

    init(separator: UInt8 = UInt8(ascii: ",")) { self.separator = separator }

    /// Takes the next byte; returns a row that ends with it. Empty lines are no rows.
    mutating func take(_ byte: UInt8) throws(RowTooLong) -> Row? {
        size += 1
        guard size <= Self.rowLimit else { throw RowTooLong(line: startLine) }
        if byte == 0x0A { line += 1 }
        switch place {
        case .quoted:
            if byte == Self.quote { place = .quoteInQuoted } else { field.append(byte) }
            return nil
        case .quoteInQuoted where byte == Self.quote:
            field.append(byte)
            place = .quoted
            return nil
        case .fieldStart where byte == Self.quote:
            place = .quoted
            return nil
        default: break
        }
        if byte == separator {
            endField()
            return nil
        }
        if byte == 0x0A { return endRow() }
        if place == .quoteInQuoted, byte != 0x0D { note("has something behind a closing quote") }
        if place != .quoteInQuoted, byte == Self.quote { note("has a quote inside of a field that isn't quoted") }
        if place == .fieldStart { place = .bare }
        field.append(byte)
        return nil
    }

    /// What the last line has, where nothing ended it.
    mutating func finish() -> Row? {
        if place == .quoted { note("has a quote that nothing closes") }
        return size == 0 ? nil : endRow()
    }

    private static let quote = UInt8(ascii: "\"")

    private mutating func note(_ flaw: String) { self.flaw = self.flaw ?? flaw }

    private mutating func endField() {
        fields.append(field)
        field.removeAll(keepingCapacity: true)
        place = .fieldStart
    }

    private mutating func endRow() -> Row? {
        // The first half of a CR LF, behind a closing quote too.
        if field.last == 0x0D, place == .bare || place == .quoteInQuoted { field.removeLast() }
        endField()
        defer {
            fields.removeAll(keepingCapacity: true)
            flaw = nil
            size = 0
            startLine = line
        }
        if fields == [[]], flaw == nil { return nil }
        return Row(line: startLine, fields: fields, flaw: flaw)
    }
}
