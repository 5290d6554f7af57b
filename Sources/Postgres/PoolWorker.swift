import Execution
import Logging

/// One thread of a `ConnectionPool` and its connection.
///
/// `@unchecked Sendable`: made on the pool's thread and handed to its own, which alone calls `run` and with it
/// everything else; thread start orders the two.
final class PoolWorker: @unchecked Sendable {
    private let index: Int
    private let shared: PoolState
    private let configuration: PostgresConfiguration
    private let name: String
    private let logger: Logger
    private let desk = PoolState.Desk()
    private var connection: Connection?
    private var backoff = Backoff(base: .milliseconds(50), cap: .seconds(1))

    init(_ index: Int, _ shared: PoolState, _ configuration: PostgresConfiguration, name: String, logger: Logger) {
        self.index = index
        self.shared = shared
        self.configuration = configuration
        self.name = name
        self.logger = logger
    }

    func run() {
        while let job = shared.next(desk) { handle(job) }
        disconnect()
        shared.threadEnded()
    }

    private func handle(_ job: PoolState.Job) {
        shared.started()
        let connection: Result<Connection, PostgresError>
        do throws(PostgresError) {
            connection = .success(try fitConnection(until: job.deadline))
        } catch {
            connection = .failure(error)
        }
        job.body(connection)
        var expired = false
        switch connection {
        case .success(let used): tidy(used)
        case .failure: expired = true
        }
        shared.finished(expired: expired)
    }

    private func fitConnection(until deadline: ContinuousClock.Instant) throws(PostgresError) -> Connection {
        if let connection {
            guard connection.isAlive() else {
                logger.warning("postgres connection lost", metadata: ["pool": "\(name)"])
                disconnect()
                return try connect(until: deadline)
            }
            guard .now < deadline else { throw PostgresError(.poolExhausted, "the work waited too long for its turn") }
            return connection
        }
        return try connect(until: deadline)
    }

    /// Tries at least once, also for work that is late: it may be the first to find the database back.
    private func connect(until deadline: ContinuousClock.Instant) throws(PostgresError) -> Connection {
        while true {
            var configuration = configuration
            let left = ContinuousClock.now.duration(to: deadline)
            configuration.connectTimeout = min(configuration.connectTimeout, max(left, .milliseconds(500)))
            do throws(PostgresError) {
                let fresh = try Connection(configuration, logger: logger)
                connection = fresh
                shared.connected(index, fresh.cancelHandle)
                backoff.reset()
                return fresh
            } catch {
                let pause = backoff.next()
                logger.warning("postgres connect failed", metadata: ["pool": "\(name)", "error": "\(error)"])
                guard error.kind != .configuration, .now + pause < deadline, !shared.stop.wait(for: pause) else {
                    throw error
                }
            }
        }
    }

    /// What one piece of work leaves behind must not become the next one's.
    private func tidy(_ used: Connection) {
        if used.isUsable, used.isOutsideTransaction { return }
        if used.isUsable { logger.error("postgres transaction left open", metadata: ["pool": "\(name)"]) }
        disconnect()
    }

    private func disconnect() {
        guard let connection else { return }
        connection.close()
        self.connection = nil
        shared.disconnected(index)
    }
}
