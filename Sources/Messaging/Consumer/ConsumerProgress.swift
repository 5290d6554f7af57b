import Kafka
import Postgres

/// How far a consumer group is, by the offsets that count: those in its database. What operators ask and change.
public enum ConsumerProgress {
    /// The next offset of every partition that the group has ever consumed from.
    public static func nextOffsets(
        of group: String, on connection: Connection
    ) throws(PostgresError) -> [TopicPartition: Int64] {
        try ConsumerOffsets.decode(
            connection.query(
                "SELECT topic, partition, next_offset FROM consumer_offsets WHERE consumer_group = $1", [.text(group)]))
    }

    /// Takes the group to `offsets`, forwards or back, in the transaction that the caller has open. A member that is at
    /// work knows nothing of it and stores its own next: make sure that there is none.
    public static func move(
        _ group: String, to offsets: [TopicPartition: Int64], on connection: Connection
    ) throws(PostgresError) {
        _ = try ConsumerOffsets.lock(group: group, offsets.keys.sorted(), on: connection)
        try ConsumerOffsets.store(group: group, offsets, on: connection)
    }

    /// Since when, in microseconds since the Unix epoch, the group's inbox knows what was handled: such messages are
    /// not handled again, wherever the group reads. Nil for an empty inbox, which groups have that need none.
    public static func remembersSince(
        _ group: String, on connection: Connection
    ) throws(PostgresError) -> Int64? {
        try connection.query("SELECT min(received_at) FROM inbox WHERE consumer_group = $1", [.text(group)]).one()
            .get(0, as: Timestamp?.self)?.microseconds
    }
}
