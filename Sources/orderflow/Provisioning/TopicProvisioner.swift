import Kafka
import Logging
import Services

/// Makes the topics that the roles need and the cluster lacks. What exists stays as it is.
struct TopicProvisioner {
    let settings: Settings
    let logger: Logger

    /// Facts and commands are kept for ever: they can be replayed from offset zero. Log lines aren't.
    static func topics(_ settings: Settings) -> [NewTopic] {
        let forEver = ["retention.ms": "-1", "retention.bytes": "-1"]
        let main = settings.topics.names.all.map {
            NewTopic(
                $0, partitions: settings.topics.partitions, replication: settings.topics.replication,
                configuration: forEver)
        }
        // Dead letters are few.
        let dead = settings.topics.names.deadLetters.map {
            NewTopic($0, partitions: 1, replication: settings.topics.replication, configuration: forEver)
        }
        let logs = NewTopic(
            settings.topics.names.logs, partitions: settings.topics.partitions,
            replication: settings.topics.replication,
            configuration: [
                "retention.ms": String(Int64(settings.topics.logsRetention / .milliseconds(1))),
                "cleanup.policy": "delete",
            ])
        return main + dead + [logs]
    }

    /// - Returns: the names of the topics made.
    func run() throws -> [String] {
        let admin = try Admin(settings.kafka.configuration, timeout: .seconds(5), logger: logger)
        let existing = try Dictionary(
            admin.topics().map { ($0.name, $0.partitions.count) }, uniquingKeysWith: { first, _ in first })
        for topic in Self.topics(settings) {
            if let partitions = existing[topic.name], partitions < topic.partitions {
                logger.warning(
                    "topic_has_fewer_partitions",
                    metadata: [
                        "topic": "\(topic.name)", "partitions": "\(partitions)", "wanted": "\(topic.partitions)",
                    ])
            }
        }
        return try admin.createTopics(Self.topics(settings).filter { existing[$0.name] == nil })
    }
}
