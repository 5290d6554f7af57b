import Foundation
import Kafka
import Logging
import TestServers

extension Shop {
    /// Puts one record on a topic, by a program that isn't ours.
    ///
    /// - Parameter value: without a line's end, which would end the record.
    public func publish(
        _ value: String, key: String? = nil, headers: [String: String] = [:], partition: Int? = nil, to topic: String
    ) throws {
        var command = ["kcat", "-b", broker.bootstrapServers, "-q", "-P", "-t", topic]
        if let key { command += ["-k", key] }
        if let partition { command += ["-p", "\(partition)"] }
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { command += ["-H", "\(name)=\(value)"] }
        // A broker that is away for longer than this is a failed publication.
        command += ["-X", "message.timeout.ms=20000"]
        _ = try Self.run(command, environment: [:], input: value)
    }

    /// Puts one record on its topic, whatever it is made of; larger ones than brokers take by themselves, too.
    ///
    /// - Throws: where the broker refused it, or hasn't acknowledged it in 20 s.
    public func publish(_ message: OutgoingMessage) throws {
        let kafka = KafkaConfiguration(
            bootstrapServers: broker.bootstrapServers, clientID: "stranger",
            properties: ["message.max.bytes": "4000000"])
        // What is thrown says enough.
        var logger = Logger(label: "stranger")
        logger.logLevel = .critical
        let producer = try Producer(ProducerConfiguration(kafka), logger: logger)
        defer { producer.close(timeout: .zero) }
        // librdkafka looks for topics that it doesn't know once a second only.
        producer.prepare(topics: [message.topic], timeout: .seconds(5))
        for result in try producer.publish([message], timeout: .seconds(20)) { _ = try result.get() }
    }

    /// The last `back` records of each partition of a topic, but for those that aren't text.
    public func recentRecords(of topic: String, back: Int) throws -> [TopicRecord] {
        let text = try Self.run(
            ["kcat", "-b", broker.bootstrapServers, "-q", "-C", "-t", topic, "-o", "-\(back)", "-e", "-J"],
            environment: [:])
        return text.split(separator: "\n").compactMap { try? TopicRecord(Data($0.utf8)) }
    }

    /// Rows of a service's database, as the superuser sees them.
    public func query(_ sql: String, in service: String) throws -> [[String]] {
        try postgres.query(sql, database: "orderflow_\(service)")
    }
}
