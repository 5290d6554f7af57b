import ArgumentParser
import Execution
import Logging
import Messaging
import Postgres

/// How operators call a letter: numbers are a database's own.
struct LetterName: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    let database: ServiceDatabase
    let number: Int64

    init(database: ServiceDatabase, number: Int64) {
        self.database = database
        self.number = number
    }

    init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let database = ServiceDatabase(rawValue: String(parts[0])), let number = Int64(parts[1])
        else { return nil }
        self.init(database: database, number: number)
    }

    var description: String { "\(database.rawValue)/\(number)" }
}

/// A letter with what operators call it.
struct NamedLetter: Sendable {
    let name: LetterName
    let entry: DeadLetterQueue.Entry
}

/// Whose letters a command is about.
struct DeadLettersScope: ParsableArguments {
    @Option(help: "Only those of this consumer group.") var group: String?
    @Option(help: "Only those of messages on this topic.") var topic: String?
    @Flag(help: "One JSON object a line.") var json = false

    func validate() throws {
        if let group, ServiceDatabase.holding(group: group) == nil {
            let known = ServiceDatabase.allCases.flatMap(\.groups).joined(separator: ", ")
            throw ValidationError("--group takes one of \(known)")
        }
    }

    var filter: DeadLetterQueue.Filter { DeadLetterQueue.Filter(group: group, topic: topic) }

    private var databases: [ServiceDatabase] {
        group.flatMap { ServiceDatabase.holding(group: $0) }.map { [$0] } ?? ServiceDatabase.allCases
    }

    /// What `body` finds in each of the databases, the newest first.
    func letters(
        _ settings: Settings, _ body: @escaping @Sendable (Connection) throws -> [DeadLetterQueue.Entry]
    ) async throws -> [NamedLetter] {
        var letters: [NamedLetter] = []
        for database in databases {
            letters += try await Self.connect(settings, database, body).map {
                NamedLetter(name: LetterName(database: database, number: $0.id), entry: $0)
            }
        }
        return letters.sorted { ($0.entry.createdAt, $0.name.number) > ($1.entry.createdAt, $1.name.number) }
    }

    static func connect<Value: Sendable>(
        _ settings: Settings, _ database: ServiceDatabase,
        _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws -> Value {
        let configuration = try settings.database(of: database)
        return try await DedicatedThread.run("dead-letters") {
            let connection = try Connection(configuration, logger: Logger(label: "deadletters"))
            defer { connection.close() }
            return try body(connection)
        }
    }
}

/// Letters that something is done about: those named, or all of a scope.
struct DeadLettersChoice: ParsableArguments {
    @Argument(help: "The letters.") var letters: [LetterName] = []
    @Flag(help: "All that --group and --topic leave.") var all = false
    @Option(help: "Why, for the record.") var note: String
    @OptionGroup var person: SagasOperator
    @OptionGroup var scope: DeadLettersScope
    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard letters.isEmpty == all else { throw ValidationError("name letters, or say --all") }
        if !all, scope.group != nil || scope.topic != nil {
            throw ValidationError("--group and --topic go with --all")
        }
    }

    typealias Change =
        @Sendable (_ id: Int64, _ decision: DeadLetterQueue.Decision, _ connection: Connection) throws -> Void

    /// - Parameter done: what is said of each.
    func decide(_ done: String, _ change: @escaping Change) async throws {
        let decision = DeadLetterQueue.Decision(by: try person.name, note: note)
        let settings = try options.load().settings
        Observability.start(settings.log)
        for name in all ? try await everything(settings) : letters {
            let entry = try await DeadLettersScope.connect(settings, name.database) { connection in
                do {
                    try change(name.number, decision, connection)
                } catch let refusal as DeadLetterQueue.Refusal {
                    throw Refused(database: name.database, refusal: refusal)
                }
                return try DeadLetterQueue.show(name.number, on: connection)
            }
            tell(scope.json ? DeadLettersText.json(NamedLetter(name: name, entry: entry)) : "\(name) \(done)\n")
        }
    }

    /// Only heads of their keys: what is parked behind them follows by itself.
    private func everything(_ settings: Settings) async throws -> [LetterName] {
        let filter = scope.filter
        return try await scope.letters(settings) { connection in
            var found: [DeadLetterQueue.Entry] = []
            while true {
                let page = try DeadLetterQueue.list(
                    filter, before: found.last?.id ?? .max, limit: 1000, on: connection)
                found += page
                if page.count < 1000 { return found.filter { $0.status == "dead" } }
            }
        }.map(\.name)
    }

    private struct Refused: Error, CustomStringConvertible {
        let database: ServiceDatabase
        let refusal: DeadLetterQueue.Refusal
        var description: String { "\(database.rawValue): \(refusal)" }
    }
}
