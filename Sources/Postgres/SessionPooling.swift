import Execution

/// Makes sure that a session is its client's own, from its beginning to its end.
///
/// A pooler such as PgBouncer in its mode `transaction` gives a server's session to another client between two
/// transactions. Prepared statements, LISTEN, settings and advisory locks are the session's: they would be missing,
/// clash, or stay behind with another client. A pooler is known by the number of the server's process: the one of the
/// handshake is its own invention. How it pools is found out by two clients at once: a process that serves both, or two
/// that serve one, is no client's session.
enum SessionPooling {
    /// What has to be set.
    static let demand = "orderflow needs sessions of its own: connect to PostgreSQL itself, or set pool_mode = session"

    private enum Finding {
        case direct, pooled
    }

    /// By target, for the life of the process.
    private static let findings = Monitor<[String: Finding]>([:])

    /// Throws `.configuration` where sessions are shared. The first connection to a server costs a round trip for it, the
    /// later ones nothing; behind a pooler each costs two, and the first some more.
    static func check(_ connection: Connection) throws(PostgresError) {
        let target = connection.configuration.description
        let known = findings.withLock { $0[target] }
        if known == .direct { return }
        let process = try serverProcess(of: connection)
        if process == String(connection.processID) {
            findings.withLock { $0[target] = .direct }
            return
        }
        if known == nil, try isShared(connection, process) {
            throw PostgresError(
                .configuration,
                "\(connection.configuration): a connection pooler shares sessions between transactions; \(demand)")
        }
        findings.withLock { $0[target] = .pooled }
        // A pooler may have been told to drop what a session is opened with.
        try connection.plain(
            connection.configuration.sessionSettings.map { "SET \($0.name) = '\($0.value)'" }.joined(separator: "; "))
    }

    /// Two clients ask for their processes, each twice in a row. A pooler that gives out the session that came back last gives
    /// both the same; one that takes them in turns gives one client two. What other clients do meanwhile can hide it once,
    /// but hardly in each round. Neither keeps a session while it asks for another, so that nobody waits for anybody.
    private static func isShared(_ first: Connection, _ process: String) throws(PostgresError) -> Bool {
        guard try serverProcess(of: first) == process else { return true }
        let second = try Connection(unchecked: first.configuration, logger: first.logger)
        defer { second.close() }
        let other = try serverProcess(of: second)
        guard other != process else { return true }
        for _ in 0..<rounds {
            for (client, own) in [(second, other), (first, process), (first, process), (second, other)] {
                guard try serverProcess(of: client) == own else { return true }
            }
        }
        return false
    }

    private static let rounds = 6

    /// By the simple protocol: a prepared statement might be another client's.
    private static func serverProcess(of connection: Connection) throws(PostgresError) -> String {
        let answer = try connection.plainAnswer("SELECT pg_backend_pid()::text")
        if let error = answer.error { throw error }
        guard let result = answer.result else { throw PostgresError(.connection, "no answer") }
        return try Rows(result).one().get(0)
    }
}
