/// One message of the output plugin pgoutput, version 1 of its protocol (PostgreSQL 15 documentation, 55.9, "Logical
/// Replication Message Formats").
public enum LogicalMessage {
    /// The changes of one committed transaction follow. They come without those of others between them, and transactions
    /// come in the order of their commits.
    case begin(commit: LogPosition, transaction: UInt32)
    /// `end` is behind the commit: where to go on from.
    case commit(end: LogPosition)
    /// Sent before the first row of a table, and again after it was altered.
    case relation(LogicalRelation)
    case insert(relation: UInt32, LogicalTuple)
    /// Types, origins, and what a publication of insertions alone doesn't have.
    case other(UInt8)

    /// - Parameter bytes: what the values of a tuple point into.
    public init(_ bytes: UnsafeRawBufferPointer) throws(MalformedMessage) {
        var wire = WireBytes(bytes)
        let kind = try wire.uint8()
        switch kind {
        case UInt8(ascii: "B"):
            let commit = try wire.position()
            _ = try wire.int64()
            self = .begin(commit: commit, transaction: try wire.uint32())
        case UInt8(ascii: "C"):
            _ = try wire.uint8()
            _ = try wire.position()
            let end = try wire.position()
            _ = try wire.int64()
            self = .commit(end: end)
        case UInt8(ascii: "R"): self = .relation(try LogicalRelation(&wire))
        case UInt8(ascii: "I"):
            let relation = try wire.uint32()
            guard try wire.uint8() == UInt8(ascii: "N") else {
                throw MalformedMessage("an insertion without a new row")
            }
            self = .insert(relation: relation, try LogicalTuple(&wire))
        case UInt8(ascii: "Y"), UInt8(ascii: "O"), UInt8(ascii: "T"), UInt8(ascii: "M"), UInt8(ascii: "U"),
            UInt8(ascii: "D"):
            self = .other(kind)
            return
        default: throw MalformedMessage("kind \(kind)")
        }
        guard wire.isAtEnd else { throw MalformedMessage("bytes behind the end, kind \(kind)") }
    }
}

/// A table as the rows that follow have it.
public struct LogicalRelation: Sendable, Equatable {
    public struct Column: Sendable, Equatable {
        public let name: String
        /// `pg_type.oid`.
        public let type: UInt32
    }

    public let id: UInt32
    public let schema: String
    public let name: String
    public let columns: [Column]

    init(_ wire: inout WireBytes) throws(MalformedMessage) {
        id = try wire.uint32()
        schema = try wire.string()
        name = try wire.string()
        _ = try wire.uint8()
        var columns: [Column] = []
        for _ in 0..<max(0, try wire.int16()) {
            _ = try wire.uint8()
            let name = try wire.string()
            let type = try wire.uint32()
            _ = try wire.int32()
            columns.append(Column(name: name, type: type))
        }
        self.columns = columns
    }
}

/// A row's values, in the order of its relation's columns.
public struct LogicalTuple {
    public enum Value {
        case null
        /// A large value that an update has left as it was; an insertion has none.
        case unchanged
        /// The bytes live as long as the message.
        case text(UnsafeRawBufferPointer)
        case binary(UnsafeRawBufferPointer)
    }

    public let values: [Value]

    init(_ wire: inout WireBytes) throws(MalformedMessage) {
        let count = Int(try wire.int16())
        guard count >= 0 else { throw MalformedMessage("\(count) values") }
        var values: [Value] = []
        // What the message claims isn't reserved before it is there: every value takes a byte at least.
        values.reserveCapacity(min(count, 64))
        for _ in 0..<count {
            switch try wire.uint8() {
            case UInt8(ascii: "n"): values.append(.null)
            case UInt8(ascii: "u"): values.append(.unchanged)
            case UInt8(ascii: "t"): values.append(.text(try wire.take(Int(try wire.int32()))))
            case UInt8(ascii: "b"): values.append(.binary(try wire.take(Int(try wire.int32()))))
            case let kind: throw MalformedMessage("a value of kind \(kind)")
            }
        }
        self.values = values
    }
}
