import ArgumentParser
import Bench
import Execution
import JSON
import Kafka
import Logging
import OrderflowKit
import Terminal

struct BenchProducerCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "producer",
        abstract: "Publish records as fast as the broker takes them.",
        discussion: """
            What librdkafka's idempotent producer reaches with acks=all on this broker, with records of the size and \
            the headers of an order event, made beforehand: the measure for the relay, which reads them from \
            PostgreSQL. The topic is made when it is missing and keeps the records: delete it afterwards.

            EXAMPLES
              orderflow bench producer --records 1000000
            """)

    @Option(help: "How many.") var records = 200_000
    @Option(help: "Where to.") var topic = "bench-producer"
    @Option(help: "Records handed over at once, as the relay does with a page.") var page = 2_000
    @Flag(help: "One JSON object.") var json = false
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard records > 0, page > 0 else { throw ValidationError("--records and --page take a number from 1") }
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let (records, topic, page) = (records, topic, page)
        let seconds = try await DedicatedThread.run("bench") {
            let logger = Logger(label: "bench")
            _ = try Admin(settings.kafka.configuration, logger: logger).createTopics([
                NewTopic(
                    topic, partitions: settings.topics.partitions, replication: settings.topics.replication,
                    configuration: [:])
            ])
            let producer = try Producer(ProducerConfiguration(settings.kafka.configuration), logger: logger)
            defer { producer.close(timeout: .seconds(5)) }
            var encoder = OrderRecord.encoder()
            let messages = try (0..<page).map { try OrderRecord($0).encoded(for: topic, by: &encoder) }
            // Connecting and getting a producer id isn't publishing.
            _ = try producer.publish([messages[0]], timeout: .seconds(30))
            let started = ContinuousClock.now
            var left = records
            while left > 0 {
                let part = left >= page ? messages : Array(messages[..<left])
                for result in try producer.publish(part, timeout: .seconds(60)) { _ = try result.get() }
                left -= part.count
            }
            return started.duration(to: .now) / .seconds(1)
        }
        let rate = BenchReport.number(Double(records) / seconds, 0)
        if json {
            var writer = JSONWriter()
            writer.object {
                $0.field("records", records)
                $0.field("seconds", raw: BenchReport.number(seconds, 3).utf8)
                $0.field("recordsPerSecond", raw: rate.utf8)
            }
            tell(TerminalText(json: writer.bytes))
        } else {
            tell(TextTable.write([["published", "\(rate)/s (\(records) in \(BenchReport.number(seconds, 1)) s)"]]))
        }
    }
}
