import Messaging
import Orders

/// Columns of a replica that are said together, by facts of one or several types.
public struct ReplicaPart: Sendable {
    let name: String
    let columns: [ReplicaColumnType]
    let facts: [any MessagePayload.Type]
    /// Nil for a fact that says nothing about this part.
    let said: @Sendable (any MessagePayload) -> ReplicaSaid?

    /// - Parameters:
    ///   - name: in front of `_at` and `_message`, the two columns that say which fact the part is from.
    ///   - row: what facts become, and columns are made of.
    ///   - sources: of the rows; of two for one type of fact the first counts.
    public init<Row: Sendable>(
        _ name: String, of row: Row.Type, columns: [ReplicaColumn<Row>], from sources: [ReplicaSource<Row>]
    ) {
        precondition(!columns.isEmpty && columns.count <= 64, "part \(name) of a replica has \(columns.count) columns")
        self.name = name
        self.columns = columns.map(\.column)
        facts = sources.map(\.fact)
        said = { payload in
            for source in sources {
                guard let said = source.read(payload) else { continue }
                guard let row = said.row else { return ReplicaSaid(key: said.key, at: said.at) }
                var result = ReplicaSaid(key: said.key, at: said.at, values: columns.map { $0.value(row) })
                for (index, column) in columns.enumerated() {
                    if let isJudged = column.isJudged, !isJudged(row) { result.unjudged |= 1 << UInt64(index) }
                }
                return result
            }
            return nil
        }
    }

    /// A part whose rows are the facts of one type themselves.
    public init<Said: Fact>(
        _ name: String, from fact: Said.Type, by key: @escaping @Sendable (Said) -> [String],
        columns: [ReplicaColumn<Said>]
    ) {
        self.init(name, of: fact, columns: columns, from: [.saying(fact, by: key) { $0 }])
    }
}

/// How facts of one type become rows of a part.
public struct ReplicaSource<Row: Sendable>: Sendable {
    let fact: any MessagePayload.Type
    let read: @Sendable (any MessagePayload) -> (key: [String], at: Int64, row: Row?)?

    /// - Parameters:
    ///   - key: the values of the replica's key columns, in their order.
    ///   - row: nil where nothing is to be known any more after the fact: as `removing`.
    public static func saying<Said: Fact>(
        _ fact: Said.Type, by key: @escaping @Sendable (Said) -> [String], row: @escaping @Sendable (Said) -> Row?
    ) -> ReplicaSource {
        ReplicaSource(fact: fact) { payload in
            (payload as? Said).map { (key($0), $0.at, row($0)) }
        }
    }

    /// Facts that take a part away: its columns are null then, and which fact it was stays, so that an older one doesn't
    /// bring it back.
    public static func removing<Said: Fact>(
        _ fact: Said.Type, by key: @escaping @Sendable (Said) -> [String]
    ) -> ReplicaSource {
        saying(fact, by: key) { _ in nil }
    }
}

/// What one fact says of a part.
struct ReplicaSaid: Sendable {
    let key: [String]
    /// Microseconds since the Unix epoch.
    let at: Int64
    /// Nil where it is removed.
    var values: [ReplicaValue]?
    /// Columns that aren't compared, as bits.
    var unjudged: UInt64 = 0
    /// Which event says so; decides between two of the same microsecond.
    var message = ""

    /// Bytes decide, as in PostgreSQL under the collation C.
    func isLater(than other: ReplicaSaid) -> Bool {
        at != other.at ? at > other.at : other.message.utf8.lexicographicallyPrecedes(message.utf8)
    }
}
