import CLibrdkafka

extension Admin {
    /// For each of `partitions`, the offset of its first record that isn't older than `milliseconds` since the Unix
    /// epoch; those that have none are missing.
    public func offsets(
        notBefore milliseconds: Int64, of partitions: [TopicPartition]
    ) throws(KafkaError) -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        var times: [TopicPartition: Int64] = [:]
        // Negative numbers have meanings of their own there.
        for partition in partitions { times[partition] = max(milliseconds, 0) }
        let list = PartitionList(times)
        let code = list.use { rd_kafka_offsets_for_times(handle.raw, $0, timeoutMilliseconds) }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw handle.explained(KafkaError(code, "offsets by time")) }
        if let error = list.use({ PartitionList.firstError($0) }) { throw error }
        // Where all are older the answer is the end, as a negative number.
        return list.use { PartitionList.offsets($0) }.filter { $0.value >= 0 }
    }
}
