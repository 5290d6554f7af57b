import Kafka
import Postgres

/// The live group's dead letters, and how a rebuild treats them: what the group hasn't handled, the rebuilt model
/// doesn't have either, and the letters go on waiting for their operator. Letters that were handled after a rebuild had
/// passed them are let in later.
struct ShadowLetters {
    private var ids: [InboundMessage.Source: Int64] = [:]

    /// Letters from `positions` on that haven't been handled. To be loaded after the bound up to which records are
    /// read: the group commits both together.
    static func load(
        group: String, from positions: [TopicPartition: Int64], on connection: Connection
    ) throws -> ShadowLetters {
        let partitions = positions.keys.sorted()
        let rows = try connection.query(
            """
            SELECT d.id, d.topic, d.partition, d."offset"
            FROM unnest($2::text[], $3::int[], $4::bigint[]) AS p (topic, partition, next)
            JOIN dead_letters d ON d.consumer_group = $1 AND d.topic = p.topic AND d.partition = p.partition
                AND d."offset" >= p.next
            WHERE d.status <> 'handled'
            """,
            [
                .text(group), .textArray(partitions.map(\.topic)), .int4Array(partitions.map(\.partition)),
                .int8Array(partitions.map { positions[$0] ?? 0 }),
            ])
        var letters = ShadowLetters()
        for row in rows {
            let source = InboundMessage.Source(
                topic: try row.get(1, as: String.self), partition: try row.get(2, as: Int32.self),
                offset: try row.get(3, as: Int64.self))
            letters.ids[source] = try row.get(0, as: Int64.self)
        }
        return letters
    }

    func id(of source: InboundMessage.Source) -> Int64? { ids.isEmpty ? nil : ids[source] }

    /// Letters that the shadow has left out and the group has handled since, up to `limit`, the oldest first.
    static func handledSince(
        _ schema: ShadowSchema, limit: Int, on connection: Connection
    ) throws -> [StoredLetter] {
        let ids = try connection.query(
            """
            SELECT d.id FROM dead_letters d JOIN \(schema.name).rebuild_letters r ON r.id = d.id
            WHERE d.status = 'handled' ORDER BY d.id LIMIT $1
            """, [.int8(Int64(limit))]
        ).map { try $0.get(0, as: Int64.self) }
        return ids.isEmpty ? [] : try StoredLetter.letters(ids, on: connection)
    }
}
