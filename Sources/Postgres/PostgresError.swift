/// Why a call to PostgreSQL failed. Never contains a password or parameter values; the server's `detail` does
/// quote key values of a violated constraint.
public struct PostgresError: Error, Sendable {
    public enum Kind: Hashable, Sendable {
        /// A URL or setting that can't work.
        case configuration
        /// No connection, or it was lost (or given up after the time limit) with nothing committed by this call.
        case connection
        /// The connection was lost between sending the work and hearing that it is committed. It may be committed
        /// or not: look before doing it again.
        case commitUnknown
        /// The server refused the statement; the connection goes on.
        case server(SQLState)
        /// A value is not of the type asked for.
        case decoding
        /// Cancelled through a `CancelHandle` or, in a pool's queue, with its task.
        case cancelled
        /// The connection, pool or daemon is closed or closing.
        case closed
        /// The pool's queue is full, or the work waited in it for too long.
        case poolExhausted
        /// The transaction failed earlier, the failure was swallowed, and so nothing was committed.
        case transactionAborted
        /// The call isn't allowed here, such as a transaction inside a transaction.
        case misuse
        /// The database and the program disagree about migrations.
        case migration
    }

    public var kind: Kind
    public var message: String
    /// What the server said, also when the connection was lost with it or couldn't be made.
    public var sqlState: SQLState?
    public var detail: String?
    public var hint: String?
    public var constraint: String?
    public var table: String?
    public var column: String?
    /// Where in the SQL the error is, in characters from 1.
    public var position: Int?
    /// PL/pgSQL call stack, COPY line and the like.
    public var context: String?
    /// The statement, cut to `sqlLimit` characters.
    public var sql: String?
    /// The plan of a prepared statement no longer fits the tables. The statement is prepared anew next time.
    public internal(set) var isStalePlan = false
    /// The server gives out no transaction ids any more, until it has been vacuumed.
    var isOutOfTransactionIDs = false
    /// The server ends the session with this error.
    var isFatal = false

    static let sqlLimit = 500

    init(_ kind: Kind, _ message: String, sql: String? = nil, sqlState: SQLState? = nil) {
        self.kind = kind
        self.message = message
        self.sqlState = sqlState
        self.sql = sql.map(Self.shorten)
    }

    /// What the body of a transaction has thrown that calls nothing but this module.
    package init(thrown error: any Error) {
        self = error as? PostgresError ?? PostgresError(.misuse, "\(error)")
    }

    static func shorten(_ sql: String) -> String {
        sql.utf8.count <= sqlLimit ? sql : String(sql.prefix(sqlLimit)) + "…"
    }

    /// The connection it came from can't be used any more.
    public var isConnectionLost: Bool { kind == .connection || kind == .commitUnknown }

    /// Whether it is the violation of that constraint (any, when nil).
    public func violates(_ state: SQLState, constraint name: String? = nil) -> Bool {
        kind == .server(state) && (name == nil || constraint == name)
    }
}

extension PostgresError: CustomStringConvertible {
    public var description: String {
        var text = "PostgreSQL \(kind.label): \(message)"
        if let sqlState { text += " [\(sqlState)]" }
        if let constraint { text += "; constraint \(constraint)" }
        if let detail { text += "; \(detail)" }
        if let hint { text += "; hint: \(hint)" }
        if let context { text += "; context: \(context)" }
        if let sql { text += position.map { "; at character \($0) of: \(sql)" } ?? "; in: \(sql)" }
        return text
    }
}

extension PostgresError.Kind {
    /// A short stable name, fit for a metric label or a log field.
    public var label: String {
        switch self {
        case .configuration: "configuration"
        case .connection: "connection"
        case .commitUnknown: "commit_unknown"
        case .server: "server"
        case .decoding: "decoding"
        case .cancelled: "cancelled"
        case .closed: "closed"
        case .poolExhausted: "pool_exhausted"
        case .transactionAborted: "transaction_aborted"
        case .misuse: "misuse"
        case .migration: "migration"
        }
    }
}
