import Execution
import Kafka
import Logging
import Postgres

/// On assignment, seeks every partition to the offset that PostgreSQL has.
struct OffsetListener: RebalanceListener {
    let group: String
    let database: PostgresConfiguration
    let status: Monitor<ConsumerRunner.Status>
    let logger: Logger

    func partitionsAssigned(_ partitions: [TopicPartition]) throws -> [TopicPartition: Int64] {
        // Assignments are rare; a connection of its own costs less than sharing the worker's between threads.
        // The poll thread waits meanwhile, so not for long: it is asked again.
        var database = database
        database.connectTimeout = .seconds(2)
        database.statementTimeout = .seconds(2)
        let connection = try Connection(database)
        var offsets = try ConsumerOffsets.load(group: group, partitions, on: connection)
        // Never consumed: from zero, whatever Kafka thinks was committed.
        for partition in partitions where offsets[partition] == nil { offsets[partition] = 0 }
        status.withLock { $0.assigned.formUnion(partitions) }
        logger.info(
            "partitions assigned",
            metadata: ["partitions": "\(partitions.map { "\($0)@\(offsets[$0] ?? 0)" }.joined(separator: " "))"])
        return offsets
    }

    func partitionsRevoked(_ partitions: [TopicPartition], lost: Bool) {
        status.withLock { $0.assigned.subtract(partitions) }
        logger.info(
            lost ? "partitions lost" : "partitions revoked",
            metadata: ["partitions": "\(partitions.map { "\($0)" }.joined(separator: " "))"])
    }
}
