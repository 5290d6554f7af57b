import Kafka
import Logging
import Messaging
import OrderflowKit
import Postgres
import Projection
import Terminal

/// `orderflow replay --into`: one rebuild, as an operator sees it.
struct ReadModelRebuild {
    struct Request: Sendable {
        /// As the operator calls it.
        var name: String
        var discards = false
        var exchanges = true
        var acceptsDifferences = false
        var limits = Rebuild.Limits()
        var actor: AuditActor
        /// Why.
        var note: String?

        init(name: String, by actor: AuditActor) {
            self.name = name
            self.actor = actor
        }
    }

    private let request: Request
    private let model: ReadModel
    private let store: ServiceDatabase
    private let settings: Settings

    init(_ request: Request, _ settings: Settings) throws {
        self.request = request
        self.settings = settings
        let models = settings.services.readModels
        guard let found = models.first(where: { $0.model.names.contains(request.name) }) else {
            let names = settings.services.readModelNames.joined(separator: ", ")
            throw ReplayError("there is no read model \(request.name); there are \(names)")
        }
        let context = try ServiceContext(lookingAt: found.module, settings, logger: Logger(label: "rebuild"))
        model = try found.model.readModel(of: found.module, context)
        store = found.database
    }

    /// Blocks the calling thread. False when the tables differ and were therefore not exchanged.
    func run() throws -> Bool {
        // Makes and exchanges tables.
        let database = try settings.database(of: store, as: .owner)
        var progress = ReplayProgress(model.name, total: 0)
        var phase = Rebuild.Phase.preparing
        let rebuild = Rebuild(
            model, kafka: settings.kafka.configuration, database: database, limits: request.limits,
            by: request.actor, note: request.note, logger: Logger(label: "rebuild")
        ) { now in
            if phase != now.phase {
                if phase == .reading { progress.finish() }
                phase = now.phase
                if phase == .reading { progress.restart() } else { progress.tell(Self.text(of: phase)) }
            }
            if phase == .reading { progress.move(to: now.done, of: now.total, resumed: now.resumed) }
        }
        if request.discards {
            let found = try settings.asAdministrator { try rebuild.discard() }
            Terminal.tell(
                "\(model.name): \(found ? "the unfinished rebuild is dropped" : "there was nothing to drop")\n")
            return true
        }
        let outcome: Rebuild.Outcome
        do {
            defer { progress.clear() }
            outcome = try settings.asAdministrator {
                try rebuild.run(exchanges: request.exchanges, acceptsDifferences: request.acceptsDifferences)
            }
        }
        Terminal.tell(report(outcome))
        return outcome.isEqual || outcome.isExchanged
    }

    private static func text(of phase: Rebuild.Phase) -> String {
        switch phase {
        case .preparing: "preparing"
        case .reading: "reading"
        case .indexing: "making indexes"
        case .verifying: "comparing"
        case .exchanging: "exchanging"
        }
    }

    /// `orders: 200000 events (reading 3.2 s, making indexes 0.5 s, …)`
    private func report(_ outcome: Rebuild.Outcome) -> TerminalText {
        let resumed = outcome.resumed > 0 ? ", \(outcome.resumed) of them by earlier runs" : ""
        let times = outcome.times.map { phase, time in
            "\(Self.text(of: phase)) \((time / .milliseconds(100)).rounded() / 10) s"
        }
        var lines: [TerminalText] = [
            "\(model.name): \(outcome.events) events\(resumed) (\(times.joined(separator: ", ")))"
        ]
        if let first = outcome.firstUnreadable {
            lines.append("  \(outcome.unreadable) records can't be handled and were left out, the first is \(first)")
        }
        for check in outcome.checks { lines.append("  \(check.table): \(Self.text(of: check))") }
        let schema = "schema \(model.shadow)"
        switch (outcome.isExchanged, outcome.isEqual) {
        case (true, _): lines.append("the rebuilt tables are the live ones now")
        case (false, true): lines.append("left in \(schema); --into again exchanges them, --discard drops them")
        case (false, false):
            lines.append(
                "not exchanged: look into \(schema) of the database of \(store.name), then --accept-differences or --discard"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func text(of check: TableCheck) -> String {
        if check.isEqual { return "\(check.rebuiltRows) rows, the same as the live ones" }
        var differences: [String] = []
        if check.changed > 0 { differences.append("\(check.changed) differ") }
        if check.onlyLive > 0 { differences.append("\(check.onlyLive) only live") }
        if check.onlyRebuilt > 0 { differences.append("\(check.onlyRebuilt) only rebuilt") }
        return "\(check.rebuiltRows) rows, \(check.liveRows) live; \(differences.joined(separator: ", ")), such as "
            + check.examples.joined(separator: " ")
    }
}
