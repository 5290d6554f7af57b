import Kafka
import Logging
import Postgres

/// Next offsets behind records that don't concern the group, not stored yet. Reading such records again after a crash
/// changes nothing, so that they need no transaction of their own. What a group passed over while nobody wanted anything of
/// it (`BatchHandler.isIdle`) is then handled for who has come to want it since: a second's records from before.
struct SkippedOffsets {
    private var gathered = GatheredOffsets()

    /// In partition order, as they were read.
    mutating func note(_ records: [ConsumedRecord]) {
        gathered.note(ConsumerOffsets.steps(through: records[...]).mapValues(\.next))
    }

    /// Leaves out partitions of which records behind the skipped ones were handled, and the offsets stored with that.
    mutating func passed(_ offsets: [TopicPartition: Int64]) { gathered.remove(offsets.keys) }

    var isDue: Bool { gathered.isDue }
    var isEmpty: Bool { gathered.isEmpty }

    /// Stores them, but for partitions that the group's member doesn't have any more. Returns what was stored; nothing
    /// when the database is away, and the next try is due later.
    mutating func store(
        group: String, having assigned: Set<TopicPartition>, on connection: ReconnectingConnection, _ logger: Logger
    ) -> [TopicPartition: Int64] {
        let mine = gathered.take(having: assigned)
        guard !mine.isEmpty else { return [:] }
        do {
            return try connection.run { connection in
                try ConsumerOffsets.moveAhead(group: group, mine, on: connection)
            }
        } catch {
            logger.debug("skipped_offsets_not_stored", metadata: ["error": "\(error)"])
            gathered.note(mine)
            return [:]
        }
    }
}
