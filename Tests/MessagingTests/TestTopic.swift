import Foundation
import Kafka
import Logging
import TestServers

/// A topic of its own on the shared broker, which keeps records of any time.
struct TestTopic {
    let name: String
    let kafka: KafkaConfiguration
    let partitions: Int

    init(partitions: Int = 3) throws {
        name = "test-\(UUID())"
        kafka = KafkaConfiguration(bootstrapServers: try KafkaBroker.shared.get().bootstrapServers, isDevBroker: true)
        self.partitions = partitions
        // Or retention takes records of an old time away at any moment.
        let topic = NewTopic(
            name, partitions: partitions, replication: 1, configuration: ["retention.ms": "-1"])
        _ = try Admin(kafka, logger: quiet).createTopics([topic])
    }

    /// One that knows where the topic is: librdkafka looks for topics that it doesn't know once a second only.
    func producer() throws -> Producer {
        let producer = try Producer(ProducerConfiguration(kafka), logger: quiet)
        producer.prepare(topics: [name], timeout: .seconds(5))
        return producer
    }

    /// For a static member of a group.
    func kafka(instance: String?) -> KafkaConfiguration {
        var kafka = kafka
        kafka.instanceID = instance
        return kafka
    }

    /// What a record is, as far as the tests ask.
    struct Record: Sendable {
        let partition: Int32
        let offset: Int64
        let key: String
        let value: String
        let headers: [String: String]
    }

    /// All records, in the order of each partition.
    func records() throws -> [Record] {
        let admin = try Admin(kafka, logger: quiet)
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in 0..<Int32(partitions) {
            let place = TopicPartition(topic: name, partition: partition)
            ranges[place] = 0..<(try admin.watermarks(place).high)
        }
        // By no group, whose members would have to join and to leave.
        let reader = try PartitionReader(kafka, ranges, logger: quiet)
        var records: [Record] = []
        let deadline = ContinuousClock.now + .seconds(30)
        while !reader.isFinished {
            guard .now < deadline else {
                throw NeverHappened(what: "the topic is read to its end", limit: .seconds(30))
            }
            guard let batch = try reader.nextBatch(max: 1_000, timeout: .milliseconds(200)) else { continue }
            for message in batch {
                var headers: [String: String] = [:]
                message.forEachHeader { headers[$0] = String(decoding: $1, as: UTF8.self) }
                records.append(
                    Record(
                        partition: message.partition, offset: message.offset,
                        key: message.key.map { String(decoding: $0, as: UTF8.self) } ?? "",
                        value: String(decoding: message.value, as: UTF8.self), headers: headers))
            }
        }
        return records
    }

    /// A consumer whose batches a test takes one by one.
    final class Reader {
        private let consumer: BatchConsumer
        private var inHand: [MessageBatch] = []

        init(_ topic: TestTopic) throws {
            consumer = try BatchConsumer(
                ConsumerConfiguration(topic.kafka, group: "reader-\(UUID())", topics: [topic.name]),
                listener: FromZero(), logger: quiet)
        }

        func next() throws -> MessageBatch {
            var batch: MessageBatch?
            try eventually("a batch comes") {
                batch = try consumer.nextBatch(max: 1_000, timeout: .milliseconds(200))
                return batch != nil
            }
            guard let batch else { throw NeverHappened(what: "a batch comes", limit: .zero) }
            inHand.append(batch)
            return batch
        }

        /// Batches stay readable; one that is in hand would be waited for.
        func close() {
            for batch in inHand { consumer.finish(batch) }
            consumer.close(timeout: .seconds(5))
        }
    }

    struct FromZero: RebalanceListener {
        func partitionsAssigned(_ partitions: [TopicPartition]) -> [TopicPartition: Int64] {
            Dictionary(uniqueKeysWithValues: partitions.map { ($0, 0) })
        }

        func partitionsRevoked(_ partitions: [TopicPartition], lost: Bool) {}
    }
}
