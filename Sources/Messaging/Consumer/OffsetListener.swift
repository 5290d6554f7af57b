import Execution
import Kafka
import Logging
import Postgres

/// On assignment, seeks every partition to the offset that PostgreSQL has.
struct OffsetListener: RebalanceListener {
    let group: String
    let database: PostgresConfiguration
    let status: Monitor<ConsumerRunner.Status>
    let metrics: ConsumerMetrics
    let logger: Logger

    func partitionsAssigned(_ partitions: [TopicPartition]) throws -> [TopicPartition: Int64] {
        // A member that holds nothing, as one more than there are partitions.
        guard !partitions.isEmpty else { return [:] }
        let connection = try connect()
        var offsets = try ConsumerOffsets.load(group: group, partitions, on: connection)
        // Never consumed: from zero, whatever Kafka thinks was committed.
        for partition in partitions where offsets[partition] == nil { offsets[partition] = 0 }
        status.withLock { status in
            status.assigned.formUnion(partitions)
            // The member that had them may have ended before it committed its last ones.
            status.starts.merge(offsets) { $1 }
        }
        logger.info(
            "partitions_assigned",
            metadata: ["partitions": "\(partitions.map { "\($0)@\(offsets[$0] ?? 0)" }.joined(separator: " "))"])
        return offsets
    }

    /// A partition that ends before the stored offset has lost records that were read, and the offsets that they had go
    /// to new ones. It is read again from its beginning: how many of its records are new nobody knows, and none may be
    /// passed over. What was handled isn't handled again.
    func startsOutside(_ starts: [TopicPartition: StartOutside]) throws -> [TopicPartition: Int64] {
        let ended = starts.filter(\.value.isBeyondEnd)
        if !ended.isEmpty {
            let connection = try connect()
            try connection.transaction { connection in
                // Another member may have done so already.
                let stored = try ConsumerOffsets.lock(group: group, ended.keys.sorted(), on: connection)
                let back = ended.filter { stored[$0.key] == $0.value.start }.mapValues(\.marks.low)
                try ConsumerOffsets.store(group: group, back, on: connection)
            }
        }
        for (partition, outside) in starts.sorted(by: { $0.key < $1.key }) { report(partition, outside) }
        let lows = starts.mapValues(\.marks.low)
        status.withLock { $0.starts.merge(lows) { $1 } }
        return lows
    }

    private func report(_ partition: TopicPartition, _ outside: StartOutside) {
        let (start, marks) = (outside.start, outside.marks)
        let setback = ConsumerRunner.Setback(
            reason: outside.isBeyondEnd
                ? "\(partition) ends at \(marks.high), \(start) was read: Kafka lost records; read again from \(marks.low)"
                : "\(partition) begins at \(marks.low), \(start) was to come: \(marks.low - start) records are gone unread"
        )
        status.withLock { $0.setback = setback }
        metrics.setback(outside)
        logger.error(
            outside.isBeyondEnd ? "partition_read_again" : "records_gone_unread",
            metadata: [
                "topic": "\(partition.topic)", "partition": "\(partition.partition)", "next_offset": "\(start)",
                "begin": "\(marks.low)", "end": "\(marks.high)",
            ])
    }

    /// Assignments are rare; a connection of its own costs less than sharing the worker's between threads. The poll
    /// thread waits meanwhile, so not for long: it is asked again.
    private func connect() throws -> Connection {
        var database = database
        database.connectTimeout = .seconds(2)
        database.statementTimeout = .seconds(2)
        return try Connection(database)
    }

    func partitionsRevoked(_ partitions: [TopicPartition], lost: Bool) {
        status.withLock { $0.assigned.subtract(partitions) }
        logger.info(
            lost ? "partitions_lost" : "partitions_revoked",
            metadata: ["partitions": "\(partitions.map { "\($0)" }.joined(separator: " "))"])
    }
}
