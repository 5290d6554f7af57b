import Foundation
import Synchronization

/// A private PostgreSQL server on a port of its own. Superuser `postgres`; every role may connect from this machine with
/// its password (SCRAM).
public final class PostgresServer: Sendable {
    /// One server for all tests of this process that don't break it. Give each test its own `createDatabase()`.
    public static let shared = Result { try PostgresServer.start() }

    /// The superuser's, on all servers of the process; another one with each run.
    public static let password = hexadecimal(UUID())

    public let port: Int
    private let process: ServerProcess
    private let programs: PostgresPrograms
    /// Databases that others are copied from, by what made them.
    private let templates = Mutex<[String: String]>([:])

    /// An empty cluster, made once a process and copied for every server: `initdb` takes ten times as long as `cp`.
    private static let template = Result {
        let programs = try PostgresPrograms.find()
        let owner = try ServerProcess("postgres-template") { _ in ["/bin/true"] }
        let data = owner.directory + "/data"
        let passwordFile = owner.directory + "/password"
        try makeDirectory(data)
        try Data(password.utf8).write(to: URL(fileURLWithPath: passwordFile))
        try giveToServer(passwordFile)
        try PostgresPrograms.run(
            programs.asServerUser + [
                programs.directory + "/initdb", "--pgdata=" + data, "--username=postgres",
                "--auth=scram-sha-256", "--pwfile=" + passwordFile, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
            ])
        return owner
    }

    /// Starts a server with an empty cluster.
    ///
    /// - Parameters:
    ///   - durable: whether commits wait for the disk. Without, a killed server still loses nothing (the kernel has the
    ///     pages), only a killed machine would.
    ///   - settings: the server's, as `name=value`, instead of those that it has here.
    public static func start(durable: Bool = false, settings: [String] = []) throws -> PostgresServer {
        // Somebody else may take the port between the choice and the start.
        for _ in 0..<2 {
            if let server = try? PostgresServer(durable: durable, settings: settings) { return server }
        }
        return try PostgresServer(durable: durable, settings: settings)
    }

    /// Starts a server with a copy of what another one has, which is shut down.
    public static func start(durable: Bool = false, copying original: PostgresServer) throws -> PostgresServer {
        for _ in 0..<2 {
            if let server = try? PostgresServer(durable: durable, like: original.process) { return server }
        }
        return try PostgresServer(durable: durable, like: original.process)
    }

    /// Another server that follows this one and can be read (a hot standby). `pg_promote()` makes it a primary.
    public func standby() throws -> PostgresServer { try PostgresServer(durable: false, following: port) }

    /// - Parameter original: with a cluster at rest, which this server gets a copy of; nil for an empty one.
    private init(
        durable: Bool, settings extra: [String] = [], following primary: Int? = nil, like original: ServerProcess? = nil
    ) throws {
        programs = try PostgresPrograms.find()
        let port = try LocalPort.unused()
        self.port = port
        let settings =
            [
                "listen_addresses=127.0.0.1", "port=\(port)", "unix_socket_directories=", "max_connections=200",
                "fsync=\(durable ? "on" : "off")", "full_page_writes=\(durable ? "on" : "off")",
                // Small machines run several of these at once.
                "shared_buffers=64MB", "max_wal_size=256MB",
                "wal_level=logical", "max_replication_slots=60", "max_wal_senders=60", "max_slot_wal_keep_size=1GB",
            ] + extra
        process = try ServerProcess("postgres", ending: "QUIT") { [programs] directory in
            programs.asServerUser + [programs.directory + "/postgres", "-D", directory + "/data"]
                + settings.flatMap { ["-c", $0] }
        }
        if let primary {
            try Self.makeDirectory(process.directory + "/data")
            try PostgresPrograms.run(
                programs.asServerUser + [
                    programs.directory + "/pg_basebackup", "--dbname=" + Self.url(port: primary),
                    "--pgdata=" + process.directory + "/data", "--write-recovery-conf",
                    "--checkpoint=fast", "--no-sync",
                ])
        } else {
            let original = try original ?? Self.template.get()
            try PostgresPrograms.run(["/bin/cp", "-a", original.directory + "/data", process.directory + "/data"])
        }
        try restart()
    }

    /// The server as `postgres`, in that database.
    public func url(database: String = "postgres") -> String { Self.url(port: port, database: database) }

    /// A server of this process as any of its roles, perhaps by the port of something in front of it.
    public static func url(
        port: Int, database: String = "postgres", user: String = "postgres", password: String = password
    ) -> String { "postgresql://\(user):\(password)@127.0.0.1:\(port)/\(database)" }

    /// Creates an empty database and returns its URL.
    public func createDatabase() throws -> String { try url(database: createDatabase(from: "template1")) }

    /// Creates a database with tables and returns its URL: a copy, where one with the same tables was made before, which
    /// takes a fraction of the time.
    ///
    /// - Parameters:
    ///   - contents: all that decides what `fill` does.
    ///   - fill: makes the tables in the database of the URL that it is given, and leaves no session there.
    public func createDatabase(of contents: String, _ fill: (_ url: String) throws -> Void) throws -> String {
        let template = try templates.withLock { templates in
            if let known = templates[contents] { return known }
            let name = try createDatabase(from: "template1")
            try fill(url(database: name))
            templates[contents] = name
            return name
        }
        return try url(database: createDatabase(from: template))
    }

    private func createDatabase(from template: String) throws -> String {
        let name = "test_" + Self.hexadecimal(UUID())
        try execute("CREATE DATABASE \(name) TEMPLATE \(template)")
        return name
    }

    /// Runs one statement by `psql` as superuser.
    public func execute(_ sql: String, database: String = "postgres") throws {
        _ = try query(sql, database: database)
    }

    /// Runs statements in one session, each in a transaction of its own.
    public func execute(each statements: [String], database: String = "postgres") throws {
        _ = try psql(statements, database: database)
    }

    /// As `execute`. Returns the result's rows, their columns as text, NULL as the empty text; no value may have a tab
    /// or a line's end in it.
    public func query(_ sql: String, database: String = "postgres") throws -> [[String]] {
        try psql([sql], database: database).split(separator: "\n").map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
    }

    private func psql(_ statements: [String], database: String) throws -> String {
        try PostgresPrograms.run(
            [
                programs.directory + "/psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--tuples-only",
                "--no-align", "--field-separator=\t", "--dbname=" + url(database: database),
            ] + statements.map { "--command=" + $0 })
    }

    /// A transaction that has an id, in the database `postgres`: open until what is returned is stopped or goes.
    public func openTransaction() throws -> ServerProcess {
        let session = try ServerProcess("transaction") { _ in
            [
                programs.directory + "/psql", "--no-psqlrc", "--dbname=" + url() + "?application_name=transaction",
                "--command=SELECT pg_current_xact_id(), pg_sleep(3600)",
            ]
        }
        try session.start()
        try session.waitUntilReady {
            let ids = "SELECT backend_xid FROM pg_stat_activity WHERE application_name = 'transaction'"
            return (try? query(ids))?.first?.first?.isEmpty == false
        }
        return session
    }

    /// `SIGKILL` to the server and all its sessions.
    public func kill() throws { try process.kill() }

    /// Starts the server again after `kill`, `shutDown` or `stopImmediately`, on the same port, with its data. Returns when it answers.
    public func restart() throws {
        let ready = process.directory + "/data/postmaster.pid"
        try process.start()
        // The line with the state is the 8th of the lock file (LOCK_FILE_LINE_PM_STATUS in miscadmin.h).
        try process.waitUntilReady {
            let lines = (try? String(contentsOfFile: ready, encoding: .utf8))?.split(
                separator: "\n", omittingEmptySubsequences: false)
            guard let lines, lines.count >= 8, lines[0] == "\(process.processID)" else { return false }
            return lines[7].hasPrefix("ready")
        }
    }

    /// Shuts the server down as an administrator would (`SIGINT`, "fast"): sessions end with 57P01.
    public func shutDown() throws {
        try process.signal("INT")
        _ = try process.waitForExit()
    }

    /// Stops the server as `pg_ctl stop --mode=immediate` would (`SIGQUIT`): no session ends in order, nothing is written, and
    /// the next start recovers.
    public func stopImmediately() throws {
        try process.signal("QUIT")
        _ = try process.waitForExit()
    }

    /// `SIGSTOP` to the server and all its sessions: connections stay open, nobody answers.
    public func pause() throws { try process.pause() }

    /// Ends `pause`.
    public func resume() throws { try process.resume() }

    /// Of the server's first process; 0 when it doesn't run.
    public var processID: Int32 { process.processID }

    /// What the server has logged.
    public var log: String { process.log }

    /// Ends the server for good and removes its data.
    public func stop() { process.stop() }

    private static func hexadecimal(_ id: UUID) -> String {
        id.uuidString.lowercased().replacingOccurrences(of: "-", with: "")
    }

    private static func makeDirectory(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 else { throw TestServerError("mkdir \(path)", errno: errno) }
        try giveToServer(path)
    }

    private static func giveToServer(_ path: String) throws {
        guard getuid() == 0, let user = getpwnam("postgres") else { return }
        guard chown(path, user.pointee.pw_uid, user.pointee.pw_gid) == 0 else {
            throw TestServerError("chown \(path)", errno: errno)
        }
    }
}
