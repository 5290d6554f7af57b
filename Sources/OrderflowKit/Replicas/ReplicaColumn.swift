import Postgres

/// A column of a replica, and what a row of the part that it belongs to says there.
///
/// Every column may be null: a row may come before the fact that fills it, and is kept, emptied, where it was removed.
public struct ReplicaColumn<Row: Sendable>: Sendable {
    let column: ReplicaColumnType
    let value: @Sendable (Row) -> ReplicaValue
    /// Nil where the column is always judged.
    let isJudged: (@Sendable (Row) -> Bool)?

    private init(
        _ name: String, _ type: ReplicaType, since: Int, judgedIf isJudged: (@Sendable (Row) -> Bool)? = nil,
        _ value: @escaping @Sendable (Row) -> ReplicaValue?
    ) {
        column = ReplicaColumnType(name: name, type: type, since: since, isAlwaysJudged: isJudged == nil)
        self.value = { value($0) ?? .null }
        self.isJudged = isJudged
    }

    /// A `text`.
    ///
    /// - Parameters:
    ///   - since: the version of the declaration that has added the column: `Replica.columns(since:)`.
    ///   - isJudged: false for rows in which the column says more than the fact does, such as what a setting adds: the
    ///     monitor leaves it out there, and `status --verify` leaves it out altogether.
    public static func text(
        _ name: String, since: Int = 1, judgedIf isJudged: (@Sendable (Row) -> Bool)? = nil,
        _ value: @escaping @Sendable (Row) -> String?
    ) -> ReplicaColumn {
        ReplicaColumn(name, .text, since: since, judgedIf: isJudged) { value($0).map { .text($0) } }
    }

    /// A `bigint`, for counts and for money in its minor units.
    public static func integer(
        _ name: String, since: Int = 1, _ value: @escaping @Sendable (Row) -> Int64?
    ) -> ReplicaColumn {
        ReplicaColumn(name, .bigint, since: since) { value($0).map { .bigint($0) } }
    }

    /// A `boolean`.
    public static func boolean(
        _ name: String, since: Int = 1, _ value: @escaping @Sendable (Row) -> Bool?
    ) -> ReplicaColumn {
        ReplicaColumn(name, .boolean, since: since) { value($0).map { .boolean($0) } }
    }

    /// A `timestamptz`, from microseconds since the Unix epoch.
    public static func time(
        _ name: String, since: Int = 1, _ value: @escaping @Sendable (Row) -> Int64?
    ) -> ReplicaColumn {
        ReplicaColumn(name, .timestamptz, since: since) { value($0).map { .time($0) } }
    }

    /// A `jsonb`, from JSON text.
    public static func json(
        _ name: String, since: Int = 1, _ value: @escaping @Sendable (Row) -> [UInt8]?
    ) -> ReplicaColumn {
        ReplicaColumn(name, .jsonb, since: since) { value($0).map { .json($0) } }
    }
}

/// A column, whatever its rows are.
struct ReplicaColumnType: Sendable, Hashable {
    let name: String
    let type: ReplicaType
    let since: Int
    let isAlwaysJudged: Bool
}

/// As PostgreSQL names it.
enum ReplicaType: String, Sendable {
    case text, bigint, boolean, timestamptz, jsonb

    /// One column of many rows.
    func array(_ values: [ReplicaValue]) -> Parameter {
        switch self {
        case .text: .textArrayOptional(values.map { if case .text(let text) = $0 { text } else { nil } })
        case .bigint: .int8ArrayOptional(values.map { if case .bigint(let number) = $0 { number } else { nil } })
        case .boolean:
            .textArrayOptional(values.map { if case .boolean(let flag) = $0 { flag ? "true" : "false" } else { nil } })
        case .timestamptz:
            .timestampArrayOptional(values.map { if case .time(let time) = $0 { time } else { nil } })
        case .jsonb: .jsonbArrayOptional(values.map { if case .json(let text) = $0 { text } else { nil } })
        }
    }

    /// How a statement takes the `number`th parameter. Arrays of booleans with nulls among them travel as text.
    func array(parameter number: Int) -> String {
        self == .boolean ? "$\(number)::text[]::boolean[]" : "$\(number)::\(rawValue)[]"
    }
}

enum ReplicaValue: Sendable {
    case null
    case text(String)
    case bigint(Int64)
    case boolean(Bool)
    case time(Int64)
    case json([UInt8])
}
