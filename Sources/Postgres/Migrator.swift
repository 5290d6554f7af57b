import Execution
import Logging

/// One step of a schema's history. Once released it never changes: a correction is a new step.
public struct Migration: Sendable, Hashable {
    /// Unique and rising; gaps are fine.
    public let version: Int
    public let name: String
    /// Any number of statements; no transaction commands, and nothing that can't run in a transaction.
    public let sql: String

    public init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }
}

/// Brings a database to the newest migration. Each runs in a transaction with its entry in the history table, one
/// process at a time (advisory lock), so any number of processes may start at once.
///
/// Refuses, with kind `.migration` and having changed nothing: a history that the program doesn't know (it is older
/// than the database), an applied migration whose SQL changed, and one inserted before applied ones.
public enum Migrator {
    /// Returns the migrations applied now. `table` may have a schema: `billing.schema_migrations`.
    @discardableResult
    public static func migrate(
        _ connection: Connection, _ migrations: [Migration], table: String = "schema_migrations",
        lockTimeout: Duration = .seconds(60), statementTimeout: Duration = .seconds(600), logger: Logger? = nil
    ) throws -> [Migration] {
        for (earlier, later) in zip(migrations, migrations.dropFirst()) where earlier.version >= later.version {
            throw PostgresError(.migration, "version \(later.version) comes after \(earlier.version)")
        }
        let history = table.split(separator: ".").map { quoteIdentifier(String($0)) }.joined(separator: ".")
        let key = Connection.advisoryKey("migrations of \(table)")
        try lock(connection, key, timeout: lockTimeout)
        defer {
            // Fails only with the connection, and then the lock is gone with it.
            _ = try? connection.advisoryUnlock(key)
        }
        return try connection.withStatementTimeout(statementTimeout) { connection in
            try apply(connection, migrations, history, logger)
        }
    }

    /// Polls instead of waiting in the server: a waiting session holds a snapshot, which CREATE INDEX CONCURRENTLY
    /// in the process with the lock would wait for.
    private static func lock(_ connection: Connection, _ key: Int64, timeout: Duration) throws {
        let deadline = ContinuousClock.now + timeout
        let pause = StopSignal()
        var backoff = Backoff(base: .milliseconds(20), cap: .milliseconds(500))
        while !(try connection.tryAdvisoryLock(key)) {
            guard .now < deadline else {
                throw PostgresError(.migration, "another process has been migrating for \(timeout)")
            }
            pause.wait(for: backoff.next())
        }
    }

    private static func apply(
        _ connection: Connection, _ migrations: [Migration], _ history: String, _ logger: Logger?
    ) throws -> [Migration] {
        try connection.script(
            """
            CREATE TABLE IF NOT EXISTS \(history) (
                version bigint PRIMARY KEY,
                name text NOT NULL,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            )
            """)
        let checksums = try checksums(of: migrations, connection)
        let applied = try connection.query("SELECT version, name, checksum FROM \(history) ORDER BY version")
        let last = try verify(applied, migrations, checksums)
        var done: [Migration] = []
        for (migration, checksum) in zip(migrations, checksums) where migration.version > last {
            do {
                try connection.transaction { connection in
                    try connection.script(migration.sql)
                    try connection.pipeline(committing: true) {
                        $0.query(
                            "INSERT INTO \(history) (version, name, checksum) VALUES ($1, $2, $3)",
                            [.int(migration.version), .text(migration.name), .text(checksum)])
                    }
                }
            } catch var error as PostgresError {
                error.message = "migration \(migration.version) (\(migration.name)): \(error.message)"
                throw error
            }
            logger?.info("migrated", metadata: ["version": "\(migration.version)", "name": "\(migration.name)"])
            done.append(migration)
        }
        return done
    }

    /// The server hashes: SHA-256 without a library.
    private static func checksums(of migrations: [Migration], _ connection: Connection) throws -> [String] {
        let rows = try connection.query(
            """
            SELECT encode(sha256(convert_to(text, 'UTF8')), 'hex')
            FROM unnest($1::text[]) WITH ORDINALITY AS given(text, place) ORDER BY place
            """, [.textArray(migrations.map(\.sql))])
        return try rows.map { try $0.get(0) }
    }

    /// Returns the newest applied version.
    private static func verify(_ applied: Rows, _ migrations: [Migration], _ checksums: [String]) throws -> Int {
        var known: [Int: String] = [:]
        for (migration, checksum) in zip(migrations, checksums) { known[migration.version] = checksum }
        var seen: Set<Int> = []
        for row in applied {
            let version = try row.get(0, as: Int.self)
            let name = try row.get(1, as: String.self)
            guard let checksum = known[version] else {
                throw PostgresError(
                    .migration,
                    "the database has migration \(version) (\(name)), which this program doesn't know: it is older than the database"
                )
            }
            guard try row.get(2, as: String.self) == checksum else {
                throw PostgresError(
                    .migration,
                    "migration \(version) (\(name)) was changed after it had been applied; add a new one instead")
            }
            seen.insert(version)
        }
        let last = seen.max() ?? Int.min
        if let late = migrations.first(where: { $0.version < last && !seen.contains($0.version) }) {
            throw PostgresError(
                .migration,
                "migration \(late.version) (\(late.name)) comes before \(last), which has been applied already")
        }
        return last
    }
}
