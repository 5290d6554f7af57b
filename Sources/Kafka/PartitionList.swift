import CLibrdkafka

/// librdkafka's list of partitions, owned.
final class PartitionList {
    private let raw: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(_ partitions: some Collection<TopicPartition>) {
        raw = rd_kafka_topic_partition_list_new(Int32(partitions.count)).unsafelyUnwrapped  // aborts rather than null
        for partition in partitions {
            rd_kafka_topic_partition_list_add(raw, partition.topic, partition.partition)
        }
    }

    init(_ offsets: [TopicPartition: Int64]) {
        raw = rd_kafka_topic_partition_list_new(Int32(offsets.count)).unsafelyUnwrapped
        for (partition, offset) in offsets {
            rd_kafka_topic_partition_list_add(raw, partition.topic, partition.partition)?.pointee.offset = offset
        }
    }

    deinit { rd_kafka_topic_partition_list_destroy(raw) }

    /// Lends the pointer. A plain `raw` could outlive the list, which goes after its last mention.
    func use<Result>(_ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) throws -> Result) rethrows
        -> Result
    {
        try withExtendedLifetime(self) { try body(raw) }
    }

    static func partitions(_ raw: UnsafePointer<rd_kafka_topic_partition_list_t>) -> [TopicPartition] {
        (0..<Int(raw.pointee.cnt)).map { partition(raw.pointee.elems[$0]) }
    }

    static func offsets(_ raw: UnsafePointer<rd_kafka_topic_partition_list_t>) -> [TopicPartition: Int64] {
        var offsets: [TopicPartition: Int64] = [:]
        for index in 0..<Int(raw.pointee.cnt) {
            offsets[partition(raw.pointee.elems[index])] = raw.pointee.elems[index].offset
        }
        return offsets
    }

    private static func partition(_ element: rd_kafka_topic_partition_t) -> TopicPartition {
        TopicPartition(topic: String(cString: element.topic), partition: element.partition)
    }

    /// The first error that an element carries.
    static func firstError(_ raw: UnsafePointer<rd_kafka_topic_partition_list_t>) -> KafkaError? {
        for index in 0..<Int(raw.pointee.cnt) where raw.pointee.elems[index].err != RD_KAFKA_RESP_ERR_NO_ERROR {
            return KafkaError(raw.pointee.elems[index].err, partition(raw.pointee.elems[index]).description)
        }
        return nil
    }
}
