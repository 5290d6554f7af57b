import ArgumentParser
import Bench
import Execution
import Foundation
import JSON
import Kafka
import Logging
import Messaging
import OrderflowKit
import Postgres
import Terminal

struct BenchGroupsCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups",
        abstract: "Measure how fast consumer groups read what waits for them.",
        discussion: """
            Notes what each group has yet to read, waits until it has, and says how many records a second that were: \
            from the commit that it first saw to the one that reached the end. For the rate of one role alone, post \
            orders while it is down, begin this, then start it. What comes in meanwhile doesn't count.

            The rate of a rebuild is what `orderflow replay --into` says.

            EXAMPLES
              orderflow bench groups &
              orderflow shipping
              orderflow bench groups --group projection-group --process postgres=$(cat var/postgres.pid)
            """)

    @Option(name: .customLong("group"), help: "A consumer group; default: all that lag.") var groups: [String] = []
    @Option(help: ArgumentHelp("How long to wait for them.", valueName: "duration")) var wait = "10m"
    @OptionGroup var servers: ServerOptions
    @Flag(help: "One JSON object a group.") var json = false
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard DurationText.parse(wait) != nil else {
            throw ValidationError("--wait takes a duration such as 10m, not \(wait)")
        }
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let servers = try servers.processes
        let (wanted, patience) = (groups, DurationText.parse(wait) ?? .seconds(600))
        let (races, costs) = try await DedicatedThread.run("bench") {
            try Self.race(wanted, settings, servers: servers, within: patience)
        }
        tell(json ? races.map(\.json).joined() : Self.table(races, costs))
        if let late = races.first(where: { $0.seconds == nil }) {
            warn("\(late.group) wasn't through after \(wait)")
            throw ExitCode(ExitStatus.failure)
        }
    }

    private static func race(
        _ wanted: [String], _ settings: Settings, servers: [ServerProcess], within patience: Duration
    ) throws -> ([GroupRace], [RoleUsage.Cost]) {
        var survey = try GroupSurvey(settings)
        var connections: [ServiceDatabase: Connection] = [:]
        defer { for connection in connections.values { connection.close() } }
        var races: [GroupRace] = []
        for group in wanted.isEmpty ? survey.ownGroups : wanted {
            let database = try survey.database(of: group)
            if connections[database] == nil { connections[database] = try Connection(settings.database(of: database)) }
            let positions = try survey.admin.describe(groups: [group]).flatMap { try survey.positions(of: $0) }
            let race = GroupRace(group, database, positions)
            if race.records > 0 { races.append(race) }
        }
        let usage = RoleUsage(settings, servers: servers, credentials: settings.auth.serviceHeaders)
        usage.start()
        let deadline = ContinuousClock.now + patience
        while races.contains(where: { $0.seconds == nil }), .now < deadline {
            for index in races.indices where races[index].seconds == nil {
                guard let connection = connections[races[index].database] else { continue }
                races[index].note(try ConsumerProgress.nextOffsets(of: races[index].group, on: connection), at: .now)
            }
            usleep(20_000)
        }
        return (races, usage.stop())
    }

    private static func table(_ races: [GroupRace], _ costs: [RoleUsage.Cost]) -> TerminalText {
        guard !races.isEmpty else { return "no group lags\n" }
        let rows = races.map { race in
            [
                race.group, "\(race.records)", race.seconds.map { BenchReport.number($0, 2) + " s" } ?? "-",
                race.rate.map { BenchReport.number($0, 0) + "/s" } ?? "-",
            ]
        }
        let used = costs.map { cost in
            [cost.name, "\(BenchReport.number(cost.cpuSeconds, 2)) CPU s", "\(cost.memoryBytes >> 20) MiB"]
        }
        return TextTable.write([["GROUP", "RECORDS", "TIME", "RATE"]] + rows) + "\n" + TextTable.write(used)
    }
}

/// A group on its way to the ends that the partitions had at the start.
private struct GroupRace: Sendable {
    let group: String
    let database: ServiceDatabase
    /// What it had yet to read.
    let records: Int64
    private let ends: [TopicPartition: Watermarks]
    private var left: Int64
    /// When it was last seen where it had begun, and how much was left.
    private var started: (at: ContinuousClock.Instant, left: Int64)?
    private(set) var seconds: Double?
    private(set) var rate: Double?

    init(_ group: String, _ database: ServiceDatabase, _ positions: [GroupPosition]) {
        self.group = group
        self.database = database
        records = positions.reduce(0) { $0 + $1.lag }
        ends = Dictionary(uniqueKeysWithValues: positions.map { ($0.partition, $0.marks) })
        left = records
    }

    mutating func note(_ next: [TopicPartition: Int64], at now: ContinuousClock.Instant) {
        left = ends.reduce(0) { $0 + $1.value.remaining(from: next[$1.key]) }
        // From the first commit on: connecting and joining the group isn't reading.
        guard let started, started.left < records else {
            started = (now, left)
            if left == 0 { seconds = 0 }
            return
        }
        guard left == 0 else { return }
        let time = started.at.duration(to: now) / .seconds(1)
        seconds = time
        rate = Double(started.left) / max(time, 1e-6)
    }

    var json: TerminalText {
        var writer = JSONWriter()
        writer.object {
            $0.field("group", group)
            $0.field("records", records)
            if let seconds { $0.field("seconds", raw: BenchReport.number(seconds, 3).utf8) }
            if let rate { $0.field("recordsPerSecond", raw: BenchReport.number(rate, 0).utf8) }
        }
        return TerminalText(json: writer.bytes)
    }
}
