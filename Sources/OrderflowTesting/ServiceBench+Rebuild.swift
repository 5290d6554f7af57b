import Foundation
import Kafka
import Messaging
import OrderflowKit
import TestServers

extension ServiceBench {
    /// Makes a read model anew from the messages that the bench has handled, as `orderflow replay --into` does: they are
    /// the records of a topic on a broker that all tests of the process share, read from offset zero into tables beside
    /// the live ones, compared row by row, and exchanged where they are the same.
    ///
    /// - Returns: what differs, a line a table; none where the model is what its messages say.
    public func rebuild(_ name: String) throws -> [String] {
        guard let rebuilt = module.readModels.first(where: { $0.names.contains(name) }) else {
            throw NoSuchReadModel(service: module.name, name: name)
        }
        let live = try rebuilt.readModel(of: module, context)
        let kafka = KafkaConfiguration(
            bootstrapServers: try KafkaBroker.shared.get().bootstrapServers, isDevBroker: true)
        let partition = TopicPartition(topic: "\(live.name)-\(UUID())", partition: 0)
        try publish(handled, to: partition, kafka)
        // The shadow reads as far as the live group has come.
        try connection.transaction { connection in
            try ConsumerProgress.move(live.group, to: [partition: Int64(handled.count)], on: connection)
        }
        let model = live.reading([partition.topic])
        let outcome = try Rebuild(
            model, kafka: kafka, database: context.database, by: AuditActor("test", kind: .os, origin: "bench"),
            logger: context.logger
        ).run()
        guard outcome.events == handled.count, outcome.unreadable == 0 else {
            return ["\(outcome.events) of \(handled.count) messages were read, \(outcome.unreadable) can't be"]
        }
        return outcome.checks.filter { !$0.isEqual }.map { check in
            "\(check.table): \(check.changed) rows differ, \(check.onlyLive) only live, \(check.onlyRebuilt) only rebuilt"
        }
    }

    private func publish(_ messages: [InboundMessage], to partition: TopicPartition, _ kafka: KafkaConfiguration) throws
    {
        _ = try Admin(kafka, logger: context.logger).createTopics([
            NewTopic(partition.topic, partitions: 1, replication: 1)
        ])
        let producer = try Producer(ProducerConfiguration(kafka), logger: context.logger)
        defer { producer.close(timeout: .seconds(5)) }
        var encoder = RelayEncoder(source: .outbox)
        let records = try messages.map { message in
            let metadata = message.effectMetadata(id: message.id, source: Self.source, time: message.time).json()
            return try Array(message.key.utf8).withUnsafeBytes { key in
                try message.payload.withUnsafeBytes { payload in
                    try metadata.withUnsafeBytes { metadata in
                        try encoder.event(
                            topic: partition.topic, key: key, type: message.type,
                            schemaVersion: Int32(message.schemaVersion), streamVersion: nil, data: payload,
                            metadata: metadata)
                    }
                }
            }
        }
        for result in try producer.publish(records, timeout: .seconds(30)) { _ = try result.get() }
    }
}

/// A service hasn't got the read model that a bench is to rebuild.
struct NoSuchReadModel: Error, CustomStringConvertible {
    let service: String
    let name: String
    var description: String { "\(service) has no read model \(name)" }
}
