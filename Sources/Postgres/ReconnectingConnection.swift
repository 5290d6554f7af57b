import Execution
import Logging

/// A connection for a daemon's own thread, made again after every loss. Not `Sendable`: one thread's.
public final class ReconnectingConnection {
    public let configuration: PostgresConfiguration
    private let name: String
    private let stop: StopSignal
    private let logger: Logger
    private let prepare: (Connection) throws -> Void
    private var backoff: Backoff
    private var connection: Connection?
    /// Connections made so far.
    public private(set) var connects = 0

    /// `prepare` runs on each new connection before anything else: LISTEN, session locks.
    public init(
        _ configuration: PostgresConfiguration, name: String, stop: StopSignal,
        backoff: Backoff = Backoff(base: .milliseconds(100), cap: .seconds(5)), logger: Logger,
        prepare: @escaping (Connection) throws -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.name = name
        self.stop = stop
        self.backoff = backoff
        self.logger = logger
        self.prepare = prepare
    }

    /// Whether there is a connection, as far as a statement has shown.
    public var isConnected: Bool { connection?.isUsable ?? false }

    /// Runs `body` once with a connection, waiting for one as long as it takes. Throws what `body` threw, or
    /// `.closed` when it was stopped and there is none; a connection that lives serves on, for work in hand to be
    /// finished, so loops look at the signal themselves. After a lost connection the next call makes a new one.
    public func run<R>(_ body: (Connection) throws -> R) throws -> R {
        let connection = try connect()
        defer { dropIfUnfit(connection) }
        return try body(connection)
    }

    /// As `run`, again and again while `body` fails with a transient error. `body` must be safe to repeat: one
    /// transaction and nothing besides. `.commitUnknown` is repeated only with `repeatingUnknownCommits`: for
    /// transactions that find out by themselves that they were done already.
    public func runRetrying<R>(repeatingUnknownCommits: Bool = false, _ body: (Connection) throws -> R) throws -> R {
        var pause = Backoff(base: .milliseconds(20), cap: .seconds(5))
        while true {
            do {
                return try run(body)
            } catch let error as PostgresError
                where error.isTransient || (repeatingUnknownCommits && error.kind == .commitUnknown)
            {
                logger.warning(
                    "postgres retry",
                    metadata: ["connection": "\(name)", "error": "\(error)", "attempt": "\(pause.attempt + 1)"])
                if stop.wait(for: pause.next()) { throw error }
            }
        }
    }

    /// Ends the session, and with it its locks. The next `run` makes a new one.
    public func disconnect() {
        connection?.close()
        connection = nil
    }

    private func connect() throws -> Connection {
        if let connection {
            if connection.isAlive() { return connection }
            logger.warning("postgres connection lost", metadata: ["connection": "\(name)"])
            disconnect()
        }
        while true {
            if stop.isStopped { throw PostgresError(.closed, "\(name) is stopping") }
            do {
                let fresh = try Connection(configuration, logger: logger)
                try prepare(fresh)
                logger.info(
                    "postgres connected", metadata: ["connection": "\(name)", "attempt": "\(backoff.attempt + 1)"])
                connection = fresh
                connects += 1
                backoff.reset()
                return fresh
            } catch let error as PostgresError where error.kind != .configuration {
                let pause = backoff.next()
                logger.warning(
                    "postgres connect failed",
                    metadata: ["connection": "\(name)", "error": "\(error)", "retry_in": "\(pause)"])
                stop.wait(for: pause)
            }
        }
    }

    /// A connection with a transaction left open by hand would carry it into the next use.
    private func dropIfUnfit(_ connection: Connection) {
        if connection.isUsable, connection.isOutsideTransaction { return }
        if connection.isUsable {
            logger.error("postgres transaction left open", metadata: ["connection": "\(name)"])
        }
        disconnect()
    }
}
