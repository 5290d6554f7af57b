import Execution
import Logging
import Postgres

/// Seals batches whose senders were cut off and didn't come back: their orders go on, and how these end is told as of any
/// other batch.
struct BatchCloser: Sendable {
    private let database: PostgresConfiguration
    private let topic: String
    /// From the time that a batch is held by no request any more.
    private let patience: Duration
    private let logger: Logger

    private static let interval: Duration = .seconds(60)
    private static let batch = 100

    init(_ database: PostgresConfiguration, topic: String, patience: Duration, logger: Logger) {
        self.database = database
        self.topic = topic
        self.patience = patience
        self.logger = logger
    }

    func run(until stop: StopSignal) {
        let connection = ReconnectingConnection(database, name: "batch-closer", stop: stop, logger: logger)
        // Processes that were started together don't look together.
        while !stop.wait(for: Self.interval * Double.random(in: 0.5...1.5)) {
            do {
                while try connection.run({ try round(on: $0) }) == Self.batch, !stop.isStopped {}
            } catch {
                logger.warning("batches_not_closed", metadata: ["error": "\(error)"])
            }
            // Between two looks it would only be one more.
            connection.disconnect()
        }
    }

    /// Seals what is due. Returns how many batches were.
    @discardableResult
    func round(on connection: Connection) throws -> Int {
        let waits: Parameter = .int8(Int64(patience / .microseconds(1)))
        let due = try connection.query(
            """
            SELECT tenant, batch_id FROM batches
            WHERE sealed_at IS NULL AND held_until < now() - $1 * interval '1 microsecond'
            ORDER BY held_until
            LIMIT \(Self.batch)
            """, [waits]
        ).map { BatchKey(tenant: try $0.get(0), batchID: try $0.get(1)) }
        for key in due {
            try connection.transaction { connection in
                // A sender may have come back since.
                let isDue =
                    try connection.query(
                        """
                        SELECT FROM batches WHERE tenant = $1 AND batch_id = $2 AND sealed_at IS NULL
                            AND held_until < now() - $3 * interval '1 microsecond'
                        FOR UPDATE
                        """, [.text(key.tenant), .text(key.batchID), waits]
                    ).count == 1
                guard isDue else { return }
                try BatchStore.seal(key, lines: nil, topic: topic, on: connection)
                logger.info("batch_closed", metadata: ["batch_id": "\(key.batchID)", "tenant": "\(key.tenant)"])
            }
        }
        return due.count
    }
}
