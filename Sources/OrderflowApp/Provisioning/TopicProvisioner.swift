import Kafka
import Logging
import OrderflowKit

/// Makes the topics that the roles need and the cluster lacks, and sets right what would lose records of those that it
/// has, such as a retention that brokers gave to a topic that they made by themselves.
struct TopicProvisioner {
    let settings: Settings
    let logger: Logger

    struct Result {
        var made: [String] = []
        var mended: [TopicDifference] = []
        /// What is otherwise than configured and stays so.
        var left: [TopicDifference] = []
        /// What should have been mended and couldn't be, and why.
        var failed: [String] = []
    }

    /// Facts and commands are kept for ever, by whatever key: they can be replayed from offset zero. Log lines and requests
    /// aren't.
    static func topics(_ settings: Settings) -> [NewTopic] {
        let forEver = ["retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"]
        let main = settings.services.topics.map { topic in
            NewTopic(
                settings.topics.names[topic], partitions: settings.topics.partitions,
                replication: settings.topics.replication,
                configuration: topic.retention.map {
                    ["retention.ms": String(Int64($0 / .milliseconds(1))), "cleanup.policy": "delete"]
                } ?? forEver)
        }
        // Dead letters are few.
        let dead = settings.services.deadLetterTopics(settings.topics.names).map {
            NewTopic($0, partitions: 1, replication: settings.topics.replication, configuration: forEver)
        }
        let logs = NewTopic(
            settings.topics.names.logs, partitions: settings.topics.partitions,
            replication: settings.topics.replication,
            configuration: [
                "retention.ms": String(Int64(settings.topics.logsRetention / .milliseconds(1))),
                "cleanup.policy": "delete",
            ])
        // The reader says how long they are kept, from then on.
        let routed = routeTargets(settings).sorted().map {
            NewTopic(
                $0, partitions: settings.topics.partitions, replication: settings.topics.replication,
                configuration: forEver)
        }
        return main + dead + [logs] + routed
    }

    private static func routeTargets(_ settings: Settings) -> Set<String> {
        (try? settings.routeTable().targets) ?? []
    }

    func run() throws -> Result {
        let admin = try Admin(settings.kafka.configuration, timeout: .seconds(5), logger: logger)
        var result = Result()
        let missing = try Self.differences(settings, admin) { topic, differences in
            let mendings = differences.compactMap(\.mending)
            do {
                try admin.change(Dictionary(mendings, uniquingKeysWith: { first, _ in first }), ofTopic: topic)
                result.mended += differences.filter { $0.mending != nil }
            } catch {
                result.failed.append("\(error)")
            }
            result.left += differences.filter { $0.mending == nil }
        }
        result.made = try admin.createTopics(missing)
        return result
    }

    /// Compares what there is with what is wanted.
    ///
    /// - Parameter each: called for each topic that differs.
    /// - Returns: the topics that are missing.
    static func differences(
        _ settings: Settings, _ admin: Admin, each: (_ topic: String, [TopicDifference]) throws -> Void
    ) throws -> [NewTopic] {
        let existing = try Dictionary(admin.topics().map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var missing: [NewTopic] = []
        let copies = routeTargets(settings)
        for topic in topics(settings) {
            guard let found = existing[topic.name] else {
                missing.append(topic)
                continue
            }
            // How long log lines and copies are kept is an operator's to change where they lie.
            if topic.name == settings.topics.names.logs || copies.contains(topic.name) { continue }
            let differences = TopicDifference.all(found, try known(topic.name, admin), wanted: topic)
            if !differences.isEmpty { try each(topic.name, differences) }
        }
        return missing
    }

    /// Nil where the brokers don't tell, or not us.
    private static func known(_ topic: String, _ admin: Admin) throws -> [TopicSetting]? {
        do {
            return try admin.settings(ofTopic: topic)
        } catch let error as KafkaError where !error.isRetriable {
            return nil
        }
    }
}
