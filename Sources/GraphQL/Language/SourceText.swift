/// A line and a column of a document, both from 1; columns count Unicode scalars (specification, section 7.1.2).
public struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
    public let line: Int
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public var description: String { "\(line):\(column)" }
}

/// The text of a document. Nodes hold byte offsets into it; lines and columns are counted when an error asks for them.
public final class SourceText: Sendable {
    public let bytes: [UInt8]
    /// The places of every 1,024th byte, from which the others are counted: a text of one line with many errors is not
    /// counted from its start for each.
    private let marks: [Counter]

    private static let distance = 1024

    private struct Counter {
        var line = 1
        var column = 1

        /// Lines end with LF, CR or CR LF (section 2.1.2).
        mutating func pass(_ byte: UInt8, before next: UInt8?) {
            if byte == 0x0A || (byte == 0x0D && next != 0x0A) {
                line += 1
                column = 1
            } else if byte != 0x0D, byte & 0xC0 != 0x80 {
                column += 1
            }
        }
    }

    public init(_ text: String) {
        bytes = Array(text.utf8)
        var counter = Counter()
        var marks: [Counter] = []
        for index in bytes.indices {
            if index % Self.distance == 0 { marks.append(counter) }
            counter.pass(bytes[index], before: index + 1 < bytes.count ? bytes[index + 1] : nil)
        }
        self.marks = marks
    }

    public func location(at offset: Int) -> SourceLocation {
        let end = min(max(0, offset), bytes.count)
        guard !marks.isEmpty else { return SourceLocation(line: 1, column: 1) }
        let mark = min(end / Self.distance, marks.count - 1)
        var counter = marks[mark]
        for index in (mark * Self.distance)..<end {
            counter.pass(bytes[index], before: index + 1 < bytes.count ? bytes[index + 1] : nil)
        }
        return SourceLocation(line: counter.line, column: counter.column)
    }
}
