import ArgumentParser
import Execution
import Kafka
import Logging
import Operations
import OrderflowKit
import Terminal

struct StatusCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the shop is doing, or prove that nothing is lost or doubled.",
        discussion: """
            Asks each role's /readyz on this machine, each consumer group's lag, how many sagas are where, and what \
            lies among the dead letters.

            --verify holds the event store, the topic, every service's database and the read model against each \
            other: every order's events are on the topic; every order ends confirmed or cancelled, or is still running; \
            confirmed means stock reserved once, charged once, one shipment, one mail; cancelled means not charged or \
            refunded once, stock released, no live shipment; the read model is what the facts say; stock adds up; every service's \
            own evidence holds; copies of what other services say are what they said; and no record of an audit log was changed, taken away or put in. \
            What the topics have otherwise than configured is told first, on stderr. Exit code 1 if anything is broken, \
            or a topic's settings lose records. Safe on a live shop; orders that changed just now aren't judged. It takes \
            minutes for a million orders; on a terminal it shows how far it is.

            EXAMPLES
              orderflow status
              orderflow status --json | jq .groups
              orderflow status --verify --settle 5m
              orderflow watch                             the same screen, live
            """)

    @Flag(help: "Hold everything against the invariants.") var verify = false
    @Option(help: ArgumentHelp("With --verify: don't judge orders that changed less long ago.", valueName: "duration"))
    var settle = "30s"
    @Option(help: "With --verify: at most so many lines of each kind.") var limit = 100
    @Flag(help: "JSON; with --verify one object a line, the last one the summary.") var json = false
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard limit >= 0 else { throw ValidationError("--limit takes a number from 0") }
        guard DurationText.parse(settle) != nil else {
            throw ValidationError("--settle takes a duration such as 30s, not \(settle)")
        }
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let (json, limit, settle) = (json, limit, DurationText.parse(settle) ?? .seconds(30))
        guard verify else {
            let report = try await DedicatedThread.run("status") { StatusReport.gather(settings) }
            tell(json ? StatusText.json(report) : StatusText.page(report, .standardOutput))
            return
        }
        let isSound = try await DedicatedThread.run("status") {
            var text = VerificationText(asJSON: json, limit: limit)
            let meter = VerificationMeter()
            let topicsAreSafe = try Self.tellTopics(settings)
            let logger = Logger(label: "verify")
            let tell = { (finding: OrderVerification.Finding) in
                meter.clear()
                text.tell(finding)
            }
            defer { meter.clear() }
            var report = try Self.verification(settings, settle: settle).run(onProgress: meter.show, tell)
            report.broken += try EvidenceCheck(settings, logger: logger).run(onProgress: meter.show, onBroken: tell)
            report.broken += try ReplicaVerification(settings, logger: logger).run(
                onProgress: meter.show, onBroken: tell)
            meter.show(VerificationProgress(stage: .audit))
            report.broken += try AuditTrail(settings, settings.services.provisionedDatabases, logger: logger).verify {
                tell(.broken(order: nil, "\($0): audit log: \($1)"))
            }
            meter.clear()
            text.finish(report)
            return report.isSound && topicsAreSafe
        }
        if !isSound { throw ExitCode(ExitStatus.failure) }
    }

    /// What is otherwise with the topics than configured, on stderr. False where records may get lost by it.
    private static func tellTopics(_ settings: Settings) throws -> Bool {
        var all: [TopicDifference] = []
        let admin = try Admin(settings.kafka.configuration, logger: Logger(label: "verify"))
        let missing = try TopicProvisioner.differences(settings, admin) { all += $1 }
        // Nothing goes to the log lines' topic unless told to.
        let needed = missing.filter { $0.name != settings.topics.names.logs || settings.log.shipLevel != nil }
        all += needed.map { TopicDifference(topic: $0.name, kind: .missing) }
        for difference in all { warn("\(difference)") }
        return !all.contains(where: \.losesRecords)
    }

    private static func verification(_ settings: Settings, settle: Duration) throws -> OrderVerification {
        try OrderVerification(
            OrderVerification.Databases(
                orders: settings.database(of: .orders), views: settings.database(of: .views),
                shipping: settings.database(of: .shipping), notification: settings.database(of: .notification),
                payment: settings.database(of: .payment), inventory: settings.database(of: .inventory),
                saga: settings.database(of: .saga)),
            kafka: settings.kafka.configuration, topics: settings.topics.names.all(of: .orderEvents),
            facts: settings.services.facts, settle: settle, logger: Logger(label: "verify"))
    }
}
