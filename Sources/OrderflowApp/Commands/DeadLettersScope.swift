import ArgumentParser
import Messaging
import OrderflowKit
import Postgres
import Terminal

/// A letter with what operators call it.
struct NamedLetter: Sendable {
    let name: RowName
    let entry: DeadLetterQueue.Entry
}

/// Whose letters a command is about.
struct DeadLettersScope: ParsableArguments {
    @Option(help: "Only those of this consumer group.") var group: String?
    @Option(help: "Only those of messages on this topic.") var topic: String?
    @Flag(help: "One JSON object a line.") var json = false

    /// Of these commands' connections.
    static let name = "deadletters"

    func validate() throws {
        if let group, OrderflowApp.services.database(holding: group) == nil {
            let known = OrderflowApp.services.databases.flatMap(\.groups).joined(separator: ", ")
            throw ValidationError("--group takes one of \(known)")
        }
    }

    var filter: DeadLetterQueue.Filter { DeadLetterQueue.Filter(group: group, topic: topic) }

    var databases: [ServiceDatabase] {
        group.flatMap { OrderflowApp.services.database(holding: $0) }.map { [$0] } ?? OrderflowApp.services.databases
    }

    /// What `body` finds in each of the databases, the newest first.
    func letters(
        _ settings: Settings, _ body: @escaping @Sendable (Connection) throws -> [DeadLetterQueue.Entry]
    ) async throws -> [NamedLetter] {
        var letters: [NamedLetter] = []
        for database in databases {
            letters += try await settings.withConnection(to: database, named: Self.name, body).map {
                NamedLetter(name: RowName(database: database, number: $0.id), entry: $0)
            }
        }
        return letters.sorted { ($0.entry.createdAt, $0.name.number) > ($1.entry.createdAt, $1.name.number) }
    }
}

/// Letters that something is done about: those named, or all of a scope.
struct DeadLettersChoice: ParsableArguments {
    @Argument(help: "The letters.") var letters: [RowName] = []
    @Flag(help: "All that --group and --topic leave.") var all = false
    @Option(help: "Why, for the record.") var note: String
    @OptionGroup var person: OperatorName
    @OptionGroup var scope: DeadLettersScope
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard letters.isEmpty == all else { throw ValidationError("name letters, or say --all") }
        if !all, scope.group != nil || scope.topic != nil {
            throw ValidationError("--group and --topic go with --all")
        }
    }

    /// - Parameter done: what is said of each.
    func decide(_ act: DeadLetterQueue.Act, _ done: String) async throws {
        let decision = DeadLetterQueue.Decision(by: person.actor, note: note)
        let settings = try options.load().settings
        Observability.start(settings.log)
        guard all else {
            for name in letters { try await decide(act, name, decision, done, settings) }
            return
        }
        for database in scope.databases { try await sweep(database, act, decision, done, settings) }
    }

    private func decide(
        _ act: DeadLetterQueue.Act, _ name: RowName, _ decision: DeadLetterQueue.Decision, _ done: String,
        _ settings: Settings
    ) async throws {
        let entry = try await settings.withConnection(to: name.database, named: DeadLettersScope.name) { connection in
            do {
                try DeadLetterQueue.decide(act, name.number, decision, on: connection)
            } catch let refusal as DeadLetterQueue.Refusal {
                throw Refused(database: name.database, refusal: refusal)
            }
            return try DeadLetterQueue.show(name.number, on: connection)
        }
        tell(scope.json ? DeadLettersText.json(NamedLetter(name: name, entry: entry)) : "\(name) \(done)\n")
    }

    /// Only first letters of their keys: what is parked behind them follows by itself.
    private func sweep(
        _ database: ServiceDatabase, _ act: DeadLetterQueue.Act, _ decision: DeadLetterQueue.Decision,
        _ done: String, _ settings: Settings
    ) async throws {
        let (filter, json) = (scope.filter, scope.json)
        try await settings.withConnection(to: database, named: DeadLettersScope.name) { connection in
            var sweep = try DeadLetterQueue.Sweep(act, filter, decision, on: connection)
            guard sweep.total > 0 else { return }
            var progress = ReplayProgress(database.name, of: "letters", total: Int64(sweep.total))
            var count = 0
            // Each of them is a transaction: what an interruption finds undone, the same command finds again.
            while let ids = try sweep.next(on: connection) {
                count += ids.count
                progress.advance(by: ids.count)
                guard json else { continue }
                let entries = try DeadLetterQueue.letters(ids, on: connection)
                tell(
                    entries.map {
                        DeadLettersText.json(
                            NamedLetter(name: RowName(database: database, number: $0.id), entry: $0))
                    }.joined())
            }
            progress.finish()
            if !json { tell("\(database.name): \(count) letters \(done)\n") }
        }
    }

    private struct Refused: Error, CustomStringConvertible {
        let database: ServiceDatabase
        let refusal: DeadLetterQueue.Refusal
        var description: String { "\(database.name): \(refusal)" }
    }
}
