import Kafka
import Postgres

/// Offsets in the transaction of the effects: what makes redelivery harmless, and a zombie powerless.
///
/// A batch locks the rows of its partitions first. A consumer whose partitions have moved on while it was frozen finds
/// a `next_offset` beyond its messages and drops them; one that commits first makes the new owner drop them.
enum ConsumerOffsets {
    /// The stored next offsets of `partitions`, for the start after an assignment. Missing: never consumed.
    static func load(
        group: String, _ partitions: [TopicPartition], on connection: Connection
    ) throws(PostgresError) -> [TopicPartition: Int64] {
        try decode(
            connection.query(
                """
                SELECT topic, partition, next_offset FROM consumer_offsets
                WHERE consumer_group = $1 AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::int[]))
                """, parameters(group, partitions)))
    }

    /// A batch's way through a partition: its first record, and what comes after its last one.
    struct Step {
        let first: Int64
        var next: Int64
    }

    /// In partition order. Records come in runs of a partition: looking each run up is enough.
    static func steps(through records: ArraySlice<ConsumedRecord>) -> [TopicPartition: Step] {
        var steps: [TopicPartition: Step] = [:]
        var start = records.startIndex
        while start < records.endIndex {
            let (first, partition) = (records[start].source, records[start].partition)
            var last = first.offset
            repeat {
                last = records[start].source.offset
                start += 1
            } while start < records.endIndex && records[start].source.partition == first.partition
                && records[start].source.topic == first.topic
            steps[partition, default: Step(first: first.offset, next: last + 1)].next = last + 1
        }
        return steps
    }

    /// Moves and locks the offsets of the partitions that stand at the first record or before it. Answers a row for
    /// each, which says whether the group has any parked key. Where it waited for a lock, that is as it was before: no
    /// matter, since parking a key moves the offset behind its record.
    static func advance(group: String, _ steps: [TopicPartition: Step], in pipeline: inout Pipeline) {
        let partitions = steps.keys.sorted()
        pipeline.query(
            """
            UPDATE consumer_offsets o SET next_offset = t.next_offset, updated_at = now()
            FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) AS t (topic, partition, first, next_offset)
            WHERE o.consumer_group = $1 AND o.topic = t.topic AND o.partition = t.partition AND o.next_offset <= t.first
            RETURNING EXISTS (SELECT FROM parked_keys WHERE consumer_group = $1)
            """,
            parameters(group, partitions) + [
                .int8Array(partitions.map { steps[$0]?.first ?? 0 }),
                .int8Array(partitions.map { steps[$0]?.next ?? 0 }),
            ])
    }

    /// Locks the rows of `partitions` until the end of the transaction, in one order. `advance` takes them in the
    /// server's: should two of a group wait for each other, PostgreSQL ends one, which comes again.
    static func lock(
        group: String, _ partitions: [TopicPartition], on connection: Connection
    ) throws(PostgresError) -> [TopicPartition: Int64] {
        let sql = """
            SELECT topic, partition, next_offset FROM consumer_offsets
            WHERE consumer_group = $1 AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::int[]))
            ORDER BY topic, partition
            FOR UPDATE
            """
        var stored = try decode(connection.query(sql, parameters(group, partitions)))
        if stored.count < partitions.count {
            // First batch of a partition: a row has to be there to be locked.
            _ = try connection.execute(
                """
                INSERT INTO consumer_offsets (consumer_group, topic, partition, next_offset)
                SELECT $1, topic, partition, 0 FROM unnest($2::text[], $3::int[]) AS t (topic, partition)
                ORDER BY topic, partition
                ON CONFLICT DO NOTHING
                """, parameters(group, partitions))
            stored = try decode(connection.query(sql, parameters(group, partitions)))
        }
        return stored
    }

    /// Moves the offsets of the partitions that aren't there yet. Returns those that it has moved.
    static func moveAhead(
        group: String, _ offsets: [TopicPartition: Int64], on connection: Connection
    ) throws(PostgresError) -> [TopicPartition: Int64] {
        let partitions = offsets.keys.sorted()
        return try decode(
            connection.query(
                """
                INSERT INTO consumer_offsets AS o (consumer_group, topic, partition, next_offset)
                SELECT $1, t.* FROM unnest($2::text[], $3::int[], $4::bigint[]) AS t (topic, partition, next_offset)
                ON CONFLICT (consumer_group, topic, partition) DO UPDATE
                SET next_offset = excluded.next_offset, updated_at = now() WHERE o.next_offset < excluded.next_offset
                RETURNING topic, partition, next_offset
                """, parameters(group, partitions) + [.int8Array(partitions.map { offsets[$0] ?? 0 })]))
    }

    static func store(
        group: String, _ offsets: [TopicPartition: Int64], on connection: Connection
    ) throws(PostgresError) {
        try connection.pipeline { store(group: group, offsets, in: &$0) }
    }

    static func store(group: String, _ offsets: [TopicPartition: Int64], in pipeline: inout Pipeline) {
        guard !offsets.isEmpty else { return }
        let partitions = offsets.keys.sorted()
        pipeline.query(
            """
            UPDATE consumer_offsets o SET next_offset = t.next_offset, updated_at = now()
            FROM unnest($2::text[], $3::int[], $4::bigint[]) AS t (topic, partition, next_offset)
            WHERE o.consumer_group = $1 AND o.topic = t.topic AND o.partition = t.partition
            """,
            parameters(group, partitions) + [.int8Array(partitions.map { offsets[$0] ?? 0 })])
    }

    private static func parameters(_ group: String, _ partitions: [TopicPartition]) -> [Parameter] {
        [.text(group), .textArray(partitions.map(\.topic)), .int4Array(partitions.map(\.partition))]
    }

    static func decode(_ rows: Rows) throws(PostgresError) -> [TopicPartition: Int64] {
        var offsets: [TopicPartition: Int64] = [:]
        for row in rows {
            let partition = TopicPartition(
                topic: try row.get(0, as: String.self), partition: try row.get(1, as: Int32.self))
            offsets[partition] = try row.get(2, as: Int64.self)
        }
        return offsets
    }
}
