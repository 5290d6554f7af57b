import Postgres

/// Which values of a logged row are which column of a relay's.
struct LoggedLayout {
    private enum Origin {
        case value(Int)
        case streamKey(Int, category: Int)
        case nothing
    }

    private let position: Int
    private let transaction: Int
    private let origins: [Origin]
    /// As `RelayWindow` has them: the position, then the source's own.
    let columns: [(name: String, type: UInt32)]

    /// Throws for a table that lacks a column.
    init(_ relation: LogicalRelation, _ source: RelaySource) throws(UnreadableLog) {
        func index(_ name: String) throws(UnreadableLog) -> Int {
            guard let index = relation.columns.firstIndex(where: { $0.name == name }) else {
                throw UnreadableLog("\(relation.name) has no column \(name)")
            }
            return index
        }
        position = try index("position")
        transaction = try index("txid")
        var origins: [Origin] = []
        var columns = [(name: "position", type: relation.columns[position].type)]
        for column in source.logged {
            switch column {
            case .named(let name):
                let place = try index(name)
                origins.append(.value(place))
                columns.append((name, relation.columns[place].type))
            case .streamKey:
                let place = try index("stream_id")
                origins.append(.streamKey(place, category: try index("category")))
                columns.append(("key", relation.columns[place].type))
            case .nothing:
                origins.append(.nothing)
                // Of an integer, by `pg_type.oid`.
                columns.append(("nothing", 23))
            }
        }
        self.origins = origins
        self.columns = columns
    }

    func hasColumns(of other: LoggedLayout) -> Bool {
        columns.elementsEqual(other.columns) { $0.name == $1.name && $0.type == $1.type }
    }

    func position(of tuple: LogicalTuple) throws(UnreadableLog) -> Int64 {
        Int64(bitPattern: try integer(tuple, position))
    }

    func transaction(of tuple: LogicalTuple) throws(UnreadableLog) -> UInt64 { try integer(tuple, transaction) }

    /// The row that the relay reads. The bytes live as long as the message.
    func values(of tuple: LogicalTuple) throws(UnreadableLog) -> [UnsafeRawBufferPointer?] {
        var values: [UnsafeRawBufferPointer?] = [try bytes(tuple, position)]
        values.reserveCapacity(columns.count)
        for origin in origins {
            switch origin {
            case .value(let index): values.append(try bytes(tuple, index))
            case .streamKey(let index, let category):
                values.append(Self.key(try bytes(tuple, index), in: try bytes(tuple, category)))
            case .nothing: values.append(nil)
            }
        }
        return values
    }

    private static func key(
        _ stream: UnsafeRawBufferPointer?, in category: UnsafeRawBufferPointer?
    ) -> UnsafeRawBufferPointer? {
        guard let stream, let category, stream.count > category.count, stream.starts(with: category),
            stream[category.count] == UInt8(ascii: ":")
        else { return stream }
        return UnsafeRawBufferPointer(rebasing: stream[(category.count + 1)...])
    }

    private func bytes(_ tuple: LogicalTuple, _ index: Int) throws(UnreadableLog) -> UnsafeRawBufferPointer? {
        guard index < tuple.values.count else { throw UnreadableLog("\(tuple.values.count) values in a row") }
        switch tuple.values[index] {
        case .null: return nil
        case .binary(let bytes): return bytes
        case .text, .unchanged: throw UnreadableLog("value \(index) of a row isn't in binary")
        }
    }

    private func integer(_ tuple: LogicalTuple, _ index: Int) throws(UnreadableLog) -> UInt64 {
        guard let bytes = try bytes(tuple, index), bytes.count == 8 else {
            throw UnreadableLog("a number that isn't one of eight bytes")
        }
        return UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
    }
}
