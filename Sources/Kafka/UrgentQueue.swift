import CLibrdkafka
import Execution

/// What the partitions of urgent topics bring, apart from what others do. In librdkafka's common queue it would stand
/// behind all that was fetched before it, which may be tens of thousands of records.
///
/// The poll thread waits for both queues at once: librdkafka tells each time that one of them isn't empty any more.
///
/// `@unchecked Sendable`: the pointer is set before the poll thread starts, used and taken away on that thread.
final class UrgentQueue: @unchecked Sendable {
    private let topics: Set<String>
    private var queue: OpaquePointer?
    private let news = Monitor(false)

    init(_ topics: Set<String>) { self.topics = topics }

    /// Before the poll thread starts.
    func open(_ raw: OpaquePointer) {
        queue = rd_kafka_queue_new(raw)
        tell(of: queue)
        let common = rd_kafka_queue_get_consumer(raw)
        tell(of: common)
        if let common { rd_kafka_queue_destroy(common) }
        // What came before is told of nowhere.
        raise()
    }

    /// No call back into librdkafka is made here, which it forbids.
    private func tell(of queue: OpaquePointer?) {
        rd_kafka_queue_cb_event_enable(
            queue,
            { _, opaque in if let opaque { Unmanaged<UrgentQueue>.fromOpaque(opaque).takeUnretainedValue().raise() } },
            Unmanaged.passUnretained(self).toOpaque())
    }

    /// Something has come, or there is room again for what waits. From any thread.
    func raise() { news.update { $0 = true } }

    /// Waits until there may be something in one of the queues.
    func wait(for timeout: Duration) {
        _ = news.wait(for: timeout) { news -> Bool? in
            defer { news = false }
            return news ? true : nil
        }
    }

    /// Leads what urgent ones of `partitions` bring here. Before they are assigned, which would lead it to the common queue
    /// otherwise.
    func lead(_ partitions: [TopicPartition], _ raw: OpaquePointer) {
        guard let queue else { return }
        for partition in partitions where topics.contains(partition.topic) {
            guard let source = rd_kafka_queue_get_partition(raw, partition.topic, partition.partition) else { continue }
            rd_kafka_queue_forward(source, queue)
            rd_kafka_queue_destroy(source)
        }
    }

    /// The next record or error; nil where none is there.
    func next() -> UnsafeMutablePointer<rd_kafka_message_t>? { queue.flatMap { rd_kafka_consume_queue($0, 0) } }

    /// Before the consumer is closed, which needs its queue for itself. What is left of records isn't wanted any more.
    func stopTelling(_ raw: OpaquePointer) {
        guard let queue else { return }
        rd_kafka_queue_cb_event_enable(queue, nil, nil)
        guard let common = rd_kafka_queue_get_consumer(raw) else { return }
        rd_kafka_queue_cb_event_enable(common, nil, nil)
        rd_kafka_queue_destroy(common)
    }

    /// After the consumer is closed, and before it is destroyed: records hold their partitions.
    func close() {
        while let message = next() { rd_kafka_message_destroy(message) }
        if let queue { rd_kafka_queue_destroy(queue) }
        queue = nil
    }
}
