import Execution
import Kafka
import Logging
import OrderflowKit
import Postgres
import Terminal

/// What has to be there before the roles can work. Waits for servers that aren't, and says so.
enum Preparation {
    static func run(_ settings: Settings, stop: StopSignal) throws {
        try migrate(settings, waiting: nil, stop: stop)
        try createTopics(settings, waiting: nil, stop: stop)
    }

    /// - Parameter limit: nil waits for the server for ever.
    static func migrate(_ settings: Settings, waiting limit: Duration?, stop: StopSignal) throws {
        let provisioner = DatabaseProvisioner(settings: settings, logger: Logger(label: "migrate"))
        try ServerWait.until(
            "PostgreSQL", limit: limit, stop: stop, say: { warn("\($0)") },
            isWorthWaiting: { ($0 as? PostgresError)?.isTransient ?? false },
            {
                try provisioner.run(settings.services.provisionedDatabases) { result in
                    let schema = result.applied.last.map { "schema \($0.version) (\($0.name))" } ?? "up to date"
                    let database = (try? settings.database(of: result.database)).map { "\($0)" } ?? ""
                    tell("\(result.database.name): \(result.created ? "made, " : "")\(schema)   \(database)\n")
                    for note in result.notes { warn("\(result.database.name): \(note)") }
                }
                try TokenKeyProvisioner(settings: settings, logger: Logger(label: "migrate")).run()
            })
    }

    /// - Parameter limit: nil waits for the brokers for ever.
    static func createTopics(_ settings: Settings, waiting limit: Duration?, stop: StopSignal) throws {
        let provisioner = TopicProvisioner(settings: settings, logger: Logger(label: "topics"))
        let result = try ServerWait.until(
            "Kafka", limit: limit, stop: stop, say: { warn("\($0)") },
            isWorthWaiting: { ($0 as? KafkaError)?.isRetriable ?? false },
            { try provisioner.run() })
        tell("topics: \(result.made.isEmpty ? "all there" : "made \(result.made.count)")\n")
        for name in result.made { tell("  \(name)\n") }
        for difference in result.mended { tell("mended: \(difference)\n") }
        for difference in result.left { warn("\(difference)") }
        for failure in result.failed { warn("not mended: \(failure)") }
    }
}
