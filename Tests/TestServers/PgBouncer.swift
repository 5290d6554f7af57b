import Foundation

/// A private PgBouncer in front of a private PostgreSQL server, on a port of its own. Its users may connect with any
/// password or none, and it knows theirs.
public final class PgBouncer: Sendable {
    public enum Mode: String, Sendable, CaseIterable {
        case session, transaction, statement
    }

    public let port: Int
    private let process: ServerProcess

    /// - Parameters:
    ///   - users: who may connect besides `postgres`, with the passwords that the server knows.
    ///   - sessions: of the server, at most, for each database and user.
    ///   - takesOptions: whether clients may ask for settings when they connect, which are then dropped.
    ///   - rotates: whether it hands out the session that has rested longest.
    public init(
        for server: PostgresServer, mode: Mode, users: [String: String] = [:], sessions: Int = 5,
        takesOptions: Bool = true, rotates: Bool = false
    ) throws {
        let programs = try PostgresPrograms.find()
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
        guard let program else { throw TestServerError("no pgbouncer; scripts/bootstrap installs it") }
        let port = try LocalPort.unused()
        self.port = port
        process = try ServerProcess("pgbouncer") { directory in
            try users.merging(["postgres": PostgresServer.password]) { $1 }.map { "\"\($0)\" \"\($1)\"\n" }.joined()
                .write(toFile: directory + "/users", atomically: false, encoding: .utf8)
            try """
            [databases]
            * = host=127.0.0.1 port=\(server.port)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = trust
            auth_file = \(directory)/users
            pool_mode = \(mode.rawValue)
            default_pool_size = \(sessions)
            server_round_robin = \(rotates ? 1 : 0)
            \(takesOptions ? "ignore_startup_parameters = options" : "")
            """.write(toFile: directory + "/pgbouncer.ini", atomically: false, encoding: .utf8)
            return programs.asServerUser + [program, directory + "/pgbouncer.ini"]
        }
        try process.start()
        try process.waitUntilReady { LocalPort.isTaken(port) && process.isRunning }
    }

    public func url(database: String = "postgres", user: String = "postgres") -> String {
        "postgresql://\(user)@127.0.0.1:\(port)/\(database)"
    }
}
