import ArgumentParser
import Execution
import JSON
import Kafka
import OrderflowKit
import Postgres
import Terminal

struct GroupsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups",
        abstract: "Show how far consumer groups are, move their offsets.",
        discussion: """
            A group's offsets lie in its service's database, beside the effects of what it has read: those are the \
            truth, and shown here. Kafka's own are a hint for other tools.

            EXAMPLES
              orderflow groups list
              orderflow groups lag shipping-group
              orderflow groups reset shipping-group --to-time 2h --dry-run
            """,
        subcommands: [GroupsListCommand.self, GroupsLagCommand.self, GroupsResetCommand.self])
}

struct GroupsListCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List consumer groups with their members and lag.",
        discussion: """
            EXAMPLES
              orderflow groups list                 orderflow's own
              orderflow groups list --all           all that the cluster knows
              orderflow groups list --json
            """)

    @Flag(help: "Groups that aren't orderflow's too.") var all = false
    @Flag(help: "One JSON object a line.") var json = false
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let (all, json) = (all, json)
        let (text, problems) = try await DedicatedThread.run("groups") {
            var survey = try GroupSurvey(settings)
            let own = survey.ownGroups
            let names = all ? Set(own).union(try survey.admin.groups()).sorted() : own
            var rows: [GroupsText.Row] = []
            var problems: [String] = []
            for group in try survey.admin.describe(groups: names) {
                do {
                    rows.append(.init(group: group, positions: try survey.positions(of: group)))
                } catch let error as GroupError {
                    // One database that is away doesn't hide the other groups.
                    rows.append(.init(group: group, positions: nil))
                    problems.append("\(error)")
                }
            }
            return (json ? GroupsText.json(rows) : GroupsText.table(rows), problems)
        }
        tell(text)
        for problem in problems { warn("\(problem)") }
        if !problems.isEmpty { throw ExitCode(ExitStatus.failure) }
    }
}

struct GroupsLagCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "lag",
        abstract: "Show a group's offset and lag on each partition.",
        discussion: """
            `beyond the end` is a partition that holds less than the group has read: Kafka has lost records that it \
            had acknowledged, or the topic was made anew.

            EXAMPLES
              orderflow groups lag projection-group
              orderflow groups lag shipping-group --json
            """)

    @Argument(help: "The consumer group.") var group: String
    @Flag(help: "One JSON object a line.") var json = false
    @OptionGroup var options: SettingsOptions

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let (group, json) = (group, json)
        tell(
            try await DedicatedThread.run("groups") {
                var survey = try GroupSurvey(settings)
                let positions = try survey.admin.describe(groups: [group]).flatMap { try survey.positions(of: $0) }
                guard !positions.isEmpty || survey.ownGroups.contains(group) else {
                    throw GroupError("there is no group \(group)")
                }
                return json ? GroupsText.json(positions) : GroupsText.table(positions)
            })
    }
}

struct GroupsResetCommand: OrderflowCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Move a group's offsets, while none of its members runs.",
        discussion: """
            Moves the offsets in the service's database, and Kafka's with them. For a group that has to read some records \
            again, as after a restored backup, or to begin behind records that it should never see.

            Nothing is done twice by it: orders, charges, reservations, shipments and mails have keys of their own, and \
            where a group keeps an inbox, what it knows isn't handled again. So a reset repeats no effect; to build a \
            read model anew, see `orderflow replay --into`. A move forward passes over records for good, and needs \
            --skip.

            TIMES are RFC 3339, as 2026-01-31T00:00:00Z, or how long ago, as 15m or 2h.

            EXAMPLES
              orderflow groups reset projection-group --to earliest --dry-run
              orderflow groups reset saga-group --to-time 2h
              orderflow groups reset order-group --to-offset 4711 --topic order-commands --partition 3
              orderflow groups reset shipping-group --to latest --skip
            """)

    enum Edge: String, ExpressibleByArgument, CaseIterable { case earliest, latest }

    @Argument(help: "The consumer group.") var group: String
    @Option(help: "earliest or latest.") var to: Edge?
    @Option(help: ArgumentHelp("An offset, the same on every partition.", valueName: "offset")) var toOffset: Int64?
    @Option(help: ArgumentHelp("The first record not older.", valueName: "time")) var toTime: String?
    @Option(help: "Only this topic.") var topic: String?
    @Option(help: "Only this partition; may be repeated.") var partition: [Int32] = []
    @Flag(help: "Also pass over records that the group hasn't read.") var skip = false
    @Flag(help: "Members that Kafka lists are gone: you know that better than Kafka.") var membersAreDead = false
    @Flag(help: "Only show what would be moved.") var dryRun = false
    @Flag(help: "One JSON object a line.") var json = false
    @OptionGroup var person: OperatorName
    @OptionGroup var why: OperatorNote
    @OptionGroup var options: SettingsOptions

    func validate() throws { _ = try target() }

    private func target() throws -> GroupReset.Target {
        let targets: [GroupReset.Target] = [
            to.map { $0 == .earliest ? .earliest : .latest }, toOffset.map { .offset($0) },
            try toTime.map { .time(try TimeArgument.microseconds($0, option: "--to-time")) },
        ].compactMap { $0 }
        guard targets.count == 1 else { throw ValidationError("give one of --to, --to-offset and --to-time") }
        if let toOffset, toOffset < 0 { throw ValidationError("--to-offset takes an offset, not \(toOffset)") }
        return targets[0]
    }

    func execute() async throws {
        let settings = try options.load().settings
        Observability.start(settings.log)
        let (target, command) = (try target(), self)
        try await DedicatedThread.run("groups") { try command.reset(to: target, settings) }
    }

    private func reset(to target: GroupReset.Target, _ settings: Settings) throws {
        var survey = try GroupSurvey(settings)
        let database = try survey.database(of: group)
        let reset = GroupReset(group: group, database: database, admin: survey.admin)
        let positions = try survey.admin.describe(groups: [group]).flatMap { try survey.positions(of: $0) }.filter {
            (topic == nil || $0.partition.topic == topic)
                && (partition.isEmpty || partition.contains($0.partition.partition))
        }
        guard !positions.isEmpty else { throw GroupError("\(group) reads no such partition") }
        let moves = try reset.plan(target, positions)
        let connection = try Connection(settings.database(of: database))
        defer { connection.close() }
        for line in try reset.consequences(moves, on: connection) { warn("\(line)") }
        if !dryRun {
            guard skip || moves.allSatisfy({ $0.skipped == 0 }) else {
                throw GroupError("nothing moved: say --skip if records are to be passed over")
            }
            let refusal = try reset.apply(
                moves, membersAreDead: membersAreDead, by: person.actor, note: why.note, on: connection)
            if let refusal {
                warn("moved in PostgreSQL, which counts; Kafka keeps its hint: \(refusal)")
            }
        }
        tell(json ? GroupsText.json(moves) : GroupsText.table(moves))
    }
}
