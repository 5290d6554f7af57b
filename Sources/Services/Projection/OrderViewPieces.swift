import JSON
import OrderflowKit
import Postgres

/// An order's document as it lies in its row of `order_views`: in three pieces, so that a rewrite touches little.
///
/// Of a row that is rewritten on its page, PostgreSQL logs what lies between the first byte that differs and the last one
/// (`log_heap_update` in its heapam.c). So what hardly ever changes comes first, then what does, and then the facts with
/// the newest in front: the older ones are the end that both rows have in common.
package struct OrderViewPieces: Hashable, Sendable {
    /// A JSON object: the order as it was created.
    package let head: [UInt8]
    /// A JSON object: what has come of it.
    package let state: [UInt8]
    /// A JSON array: its facts, the newest first.
    package let timeline: [UInt8]

    /// The columns of a row, for a SELECT.
    ///
    /// - Parameter table: the row's name in the statement.
    package static func columns(of table: String) -> String { "\(table).head, \(table).state, \(table).timeline" }

    /// Bytes of the document, near enough for sums in a SELECT.
    ///
    /// - Parameter table: the row's name in the statement.
    package static func size(of table: String) -> String {
        "(octet_length(\(table).head) + octet_length(\(table).state) + octet_length(\(table).timeline))"
    }

    init(head: [UInt8], state: [UInt8], timeline: [UInt8]) {
        self.head = head
        self.state = state
        self.timeline = timeline
    }

    /// - Parameter column: where `columns(of:)` begin in the row.
    package init(_ row: Row, at column: Int) throws {
        self.init(
            head: try row.get(column, as: [UInt8].self), state: try row.get(column + 1, as: [UInt8].self),
            timeline: try row.get(column + 2, as: [UInt8].self))
    }

    package var size: Int { head.count + state.count + timeline.count }

    /// What `OrderView.document()` makes of the same view, byte for byte.
    package func document() throws -> [UInt8] {
        try timeline.withUnsafeBytes { timeline in
            var entries: [UnsafeRawBufferPointer] = []
            var reader = JSONReader(timeline)
            try reader.readArray { _, reader in entries.append(try reader.rawValue()) }
            var document: [UInt8] = []
            document.reserveCapacity(size + 16)
            document.append(UInt8(ascii: "{"))
            Self.append(membersOf: head, to: &document)
            Self.append(membersOf: state, to: &document)
            document.append(contentsOf: #","timeline":["#.utf8)
            for (index, entry) in entries.reversed().enumerated() {
                if index > 0 { document.append(UInt8(ascii: ",")) }
                document.append(contentsOf: entry)
            }
            document.append(contentsOf: "]}".utf8)
            return document
        }
    }

    /// Without the braces.
    private static func append(membersOf object: [UInt8], to document: inout [UInt8]) {
        let members = object.dropFirst().dropLast()
        guard !members.isEmpty else { return }
        if document.count > 1 { document.append(UInt8(ascii: ",")) }
        document.append(contentsOf: members)
    }
}

extension OrderView {
    package init(_ pieces: OrderViewPieces) throws {
        self = try pieces.document().withUnsafeBytes { try OrderView(document: $0) }
    }
}
