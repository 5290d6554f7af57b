import Kafka
import Postgres

/// How far a consumer group is, by the offsets that count: those in its database.
public enum ConsumerProgress {
    /// The next offset of every partition that the group has ever consumed from.
    public static func nextOffsets(
        of group: String, on connection: Connection
    ) throws(PostgresError) -> [TopicPartition: Int64] {
        let rows = try connection.query(
            "SELECT topic, partition, next_offset FROM consumer_offsets WHERE consumer_group = $1", [.text(group)])
        var offsets: [TopicPartition: Int64] = [:]
        for row in rows {
            let partition = TopicPartition(
                topic: try row.get(0, as: String.self), partition: try row.get(1, as: Int32.self))
            offsets[partition] = try row.get(2, as: Int64.self)
        }
        return offsets
    }
}
