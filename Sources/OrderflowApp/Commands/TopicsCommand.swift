import ArgumentParser
import Execution
import JSON
import Kafka
import Logging
import OrderflowKit
import Terminal

struct TopicsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topics",
        abstract: "Make the Kafka topics, list what they hold.",
        subcommands: [
            TopicsCreateCommand.self, TopicsListCommand.self, TopicsDescribeCommand.self, TopicsACLsCommand.self,
        ])
}

struct TopicsCreateCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make the topics that are missing, mend what would lose records of the others.",
        discussion: """
            Facts and commands get topics.partitions partitions, dead-letter topics one; all topics.replication copies, \
            kept for ever. Of a topic that exists, retention, clean-up policy and the size limit are set right, and each change \
            is told; what can't be changed (partitions, copies) is told too, on stderr. Safe to run again.

            EXAMPLES
              orderflow topics create
              orderflow topics create --wait 60s --set topics.replication=3
            """)

    @OptionGroup var options: SettingsOptions

    @Option(help: ArgumentHelp("Wait for the brokers to answer, at most this long.", valueName: "duration"))
    var wait: String = "0s"

    func execute() async throws {
        guard let limit = DurationText.parse(wait) else {
            throw ValidationError("--wait takes a duration such as 30s, not \(wait)")
        }
        let settings = try options.load().settings
        Observability.start(settings.log)
        try await DedicatedThread.run("topics") {
            try Preparation.createTopics(settings, waiting: limit, stop: StopSignal())
        }
    }
}

struct TopicsListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List topics with their partitions and records.",
        discussion: """
            EXAMPLES
              orderflow topics list                 orderflow's own
              orderflow topics list --all           all that the cluster has
              orderflow topics list --json
            """)

    @OptionGroup var options: SettingsOptions

    @Flag(help: "Topics that aren't orderflow's too.")
    var all = false

    @Flag(help: "One JSON object a topic.")
    var json = false

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let own = Set(TopicProvisioner.topics(settings).map(\.name))
        let (all, json) = (all, json)
        let text = try await DedicatedThread.run("topics") {
            let admin = try Admin(settings.kafka.configuration, logger: Logger(label: "topics"))
            var lines: TerminalText = ""
            var rows = [["TOPIC", "PARTITIONS", "RECORDS", "LEADERLESS"]]
            for topic in try admin.topics() where all || own.contains(topic.name) {
                let records = try topic.places.reduce(into: Int64(0)) { sum, place in
                    let marks = try admin.watermarks(place)
                    sum += marks.high - marks.low
                }
                let leaderless = topic.partitions.count { $0.leader < 0 }
                rows.append([topic.name, "\(topic.partitions.count)", "\(records)", "\(leaderless)"])
                var writer = JSONWriter()
                writer.object {
                    $0.field("topic", topic.name)
                    $0.field("partitions", Int64(topic.partitions.count))
                    $0.field("records", records)
                    $0.field("leaderless", Int64(leaderless))
                }
                lines += TerminalText(json: writer.bytes)
            }
            return json ? lines : TextTable.write(rows)
        }
        tell(text)
    }
}
