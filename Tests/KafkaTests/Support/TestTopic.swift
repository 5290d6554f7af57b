import Kafka
import Logging
import TestServers

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A topic of a test's own, which keeps records of any time.
struct TestTopic {
    private(set) var name: String
    private(set) var kafka: KafkaConfiguration

    /// On the broker that all tests share, unless another is given.
    init(partitions: Int = 1, on broker: KafkaBroker? = nil, _ name: String = #function) throws {
        let letters = name.prefix { $0 != "(" }.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        self.name = "\(letters)-\(UInt32.random(in: 0 ... .max))"
        kafka = KafkaConfiguration(
            bootstrapServers: try (broker ?? KafkaBroker.shared.get()).bootstrapServers, isDevBroker: true)
        // Or retention takes records of an old time away at any moment.
        let topic = NewTopic(
            self.name, partitions: partitions, replication: 1, configuration: ["retention.ms": "-1"])
        try Admin(kafka, logger: quiet).createTopics([topic])
    }

    /// On a mock cluster.
    init(partitions: Int = 1, mock: MockCluster) throws {
        name = Self.mocked
        kafka = KafkaConfiguration(bootstrapServers: mock.bootstrapServers)
        try mock.createTopic(name, partitions: partitions)
    }

    /// Another one, which isn't made.
    func named(_ name: String) -> TestTopic {
        var topic = self
        topic.name = name
        return topic
    }

    /// The same topic, reached through a proxy.
    func through(_ proxy: BrokerProxy) -> TestTopic {
        var topic = self
        topic.kafka.bootstrapServers = proxy.bootstrapServers
        return topic
    }

    /// More partitions, as an operator may make them (CreatePartitions v0).
    func grow(to count: Int32) throws {
        let head = [WireWriter.int16(37), WireWriter.int16(0), WireWriter.int32(1), WireWriter.string("test")]
        let topic = [WireWriter.int32(1), WireWriter.string(name), WireWriter.int32(count), WireWriter.int32(-1)]
        let request = (head + topic + [WireWriter.int32(5_000), [0]]).flatMap(\.self)
        try BrokerProxy.send(request, to: kafka.bootstrapServers)
        try eventually("\(name) has \(count) partitions") { try partitions.count == Int(count) }
    }

    private static let mocked = "mocked"
    var isMocked: Bool { name == Self.mocked }

    var partitions: [TopicPartition] {
        get throws {
            let topic = try Admin(kafka, logger: quiet).topics(named: name).first
            return (topic?.partitions ?? []).map { TopicPartition(topic: name, partition: $0.id) }
        }
    }

    func partition(_ number: Int32) -> TopicPartition { TopicPartition(topic: name, partition: number) }

    func producer(_ change: (inout ProducerConfiguration) -> Void = { _ in }) throws -> Producer {
        var configuration = ProducerConfiguration(kafka)
        change(&configuration)
        return try Producer(configuration, logger: quiet)
    }

    /// `count` records, numbered in their value, of `keys` keys.
    func messages(_ count: Int, keys: Int = 1, from first: Int = 0, partition: Int32? = nil) -> [OutgoingMessage] {
        (first..<first + count).map { number in
            OutgoingMessage(
                topic: name, key: Array("key-\(number % keys)".utf8), value: Array("\(number)".utf8),
                partition: partition)
        }
    }

    func fill(_ count: Int, keys: Int = 1) throws {
        let producer = try producer()
        defer { producer.close(timeout: .seconds(5)) }
        producer.prepare(topics: [name], timeout: .seconds(5))
        for result in try producer.publish(messages(count, keys: keys), timeout: .seconds(30)) { _ = try result.get() }
    }

    /// Everything in the topic up to its high watermarks.
    func contents() throws -> [Record] {
        let admin = try Admin(kafka, logger: quiet)
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in try partitions {
            let marks = try admin.watermarks(partition)
            ranges[partition] = marks.low..<marks.high
        }
        let reader = try PartitionReader(kafka, ranges, logger: quiet)
        var records: [Record] = []
        try eventually("the topic is read") {
            while let batch = try reader.nextBatch(max: 1_000, timeout: .milliseconds(200)) {
                records += batch.map { Record($0) }
            }
            return reader.isFinished
        }
        return records
    }
}

/// A record, copied.
struct Record: Hashable {
    let partition: Int32
    let offset: Int64
    let key: String?
    let value: String?

    init(_ message: ConsumedMessage) {
        partition = message.partition
        offset = message.offset
        key = message.key.map { String(decoding: $0, as: UTF8.self) }
        value = message.isTombstone ? nil : String(decoding: message.value, as: UTF8.self)
    }

    var number: Int { value.flatMap { Int($0) } ?? -1 }
}
