import ArgumentParser
import Execution
import JSON
import Kafka
import Logging
import OrderflowKit
import Terminal

struct TopicsDescribeCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show a topic's partitions and settings, or those of all of orderflow's topics.",
        discussion: """
            The offsets of each partition's oldest record and of the next one to come, its leader (-1: nobody), and how \
            many of its copies are in sync; then the settings that were made for the topic, and those that decide \
            whether a record is kept. The number of records is exact where nothing was compacted away.

            EXAMPLES
              orderflow topics describe order-events
              orderflow topics describe order-events --all-settings
              orderflow topics describe --json | jq -r 'select(.settings["retention.ms"] != "-1").topic'
            """)

    @Argument(help: "The topic; default all of orderflow's.") var topic: String?
    @Flag(help: "Every setting that the brokers tell.") var allSettings = false
    @Flag(help: "One JSON object a topic.") var json = false
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let (topic, allSettings, json) = (topic, allSettings, json)
        tell(
            try await DedicatedThread.run("topics") {
                let admin = try Admin(settings.kafka.configuration, logger: Logger(label: "topics"))
                let wanted = topic.map { [$0] } ?? TopicProvisioner.topics(settings).map(\.name)
                let found = try admin.topics().filter { wanted.contains($0.name) }
                guard topic == nil || !found.isEmpty else {
                    throw TopicError("there is no topic \(wanted[0]) at \(settings.kafka.brokers)")
                }
                let portraits = try found.map { try TopicPortrait($0, admin: admin) }
                return portraits.map { json ? $0.json : $0.page(allSettings: allSettings) }
                    .joined(separator: json ? "" : "\n")
            })
    }
}
