import Kafka
import Logging
import Postgres

/// Next offsets behind records that don't concern the group, not stored yet. Reading such records again after a crash
/// changes nothing, so that they need no transaction of their own.
struct SkippedOffsets {
    private var gathered = GatheredOffsets()

    /// In partition order, as they were read.
    mutating func note(_ records: [ConsumedRecord]) {
        var offsets: [TopicPartition: Int64] = [:]
        // Records come in runs of a partition: only the last one of a run counts.
        for (index, record) in records.enumerated() {
            let next = index + 1 < records.count ? records[index + 1].source : nil
            if next?.partition == record.source.partition, next?.topic == record.source.topic { continue }
            offsets[record.partition] = record.source.offset + 1
        }
        gathered.note(offsets)
    }

    var isDue: Bool { gathered.isDue }

    /// Stores them, but for partitions that the group's member doesn't have any more. Returns what was stored; nothing
    /// when the database is away, and the next try is due later.
    mutating func store(
        group: String, having assigned: Set<TopicPartition>, on connection: ReconnectingConnection, _ logger: Logger
    ) -> [TopicPartition: Int64] {
        let mine = gathered.take(having: assigned)
        guard !mine.isEmpty else { return [:] }
        do {
            return try connection.run { connection in
                try connection.transaction { connection in
                    let stored = try ConsumerOffsets.lock(group: group, mine.keys.sorted(), on: connection)
                    let ahead = mine.filter { $0.value > stored[$0.key] ?? 0 }
                    try ConsumerOffsets.store(group: group, ahead, on: connection)
                    return ahead
                }
            }
        } catch {
            logger.debug("skipped_offsets_not_stored", metadata: ["error": "\(error)"])
            gathered.note(mine)
            return [:]
        }
    }
}
