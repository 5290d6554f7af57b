import Execution
import Kafka
import Logging
import OrderflowKit
import Terminal

/// What has to be there before the roles can work. Waits for servers that aren't, and says so.
enum Preparation {
    static func run(_ settings: Settings, stop: StopSignal) throws {
        try MigrateCommand.migrate(settings, waiting: nil, stop: stop)
        try createTopics(settings, waiting: nil, stop: stop)
    }

    /// - Parameter limit: nil waits for the brokers for ever.
    static func createTopics(_ settings: Settings, waiting limit: Duration?, stop: StopSignal) throws {
        let provisioner = TopicProvisioner(settings: settings, logger: Logger(label: "topics"))
        let result = try ServerWait.until(
            "Kafka", limit: limit, stop: stop, say: { complain("\($0)") },
            isWorthWaiting: { ($0 as? KafkaError)?.isRetriable ?? false },
            { try provisioner.run() })
        tell("topics: \(result.made.isEmpty ? "all there" : "made \(result.made.count)")\n")
        for name in result.made { tell("  \(name)\n") }
        for difference in result.mended { tell("mended: \(difference)\n") }
        for difference in result.left { complain("\(difference)") }
        for failure in result.failed { complain("not mended: \(failure)") }
    }
}
