import Execution
import Postgres

/// The table of definitions that have led instances.
enum SagaDefinitions {
    /// Has to be committed before an instance is led by the definition.
    static func record(_ definition: SagaDefinition, on connection: Connection) throws {
        _ = try connection.execute(
            """
            INSERT INTO saga_definitions (saga, fingerprint, version, course) VALUES ($1, $2, $3, $4)
            ON CONFLICT DO NOTHING
            """,
            [
                .text(definition.name), .text(definition.fingerprint), .int(definition.version),
                .json(definition.course.json),
            ])
    }

    /// Fingerprints of the definitions that have led the instances under way, which are read for it: an index by definition
    /// would cost every order, and this is asked once a start.
    static func leading(_ saga: String, on connection: Connection) throws -> [String] {
        try connection.query(
            "SELECT DISTINCT led_by FROM saga_instances WHERE saga = $1 AND ended_at IS NULL ORDER BY led_by",
            [.text(saga)]
        ).map { try $0.get(0, as: String.self) }
    }

    /// Nil for a definition that wasn't recorded.
    static func course(
        _ fingerprint: String, of saga: String, on connection: Connection
    ) throws -> SagaCourse? {
        try connection.query(
            "SELECT course FROM saga_definitions WHERE saga = $1 AND fingerprint = $2",
            [.text(saga), .text(fingerprint)]
        ).first.map { try SagaCourse(json: $0.get(0, as: [UInt8].self)) }
    }
}

/// What the definitions before this one undid otherwise. Processes of several versions may run at once, so an instance is
/// held against it whenever another has led it: the look at the start doesn't see those that begin later.
final class SagaPredecessors: Sendable {
    private let definition: SagaDefinition
    private let lost = Monitor<[String: Set<String>]>([:])

    init(of definition: SagaDefinition) { self.definition = definition }

    /// Throws `UnreadableSaga` for an instance that owes a compensation which the definition lacks.
    func check(_ saga: StoredSaga, on connection: Connection) throws {
        guard saga.ledBy != definition.fingerprint, !saga.ledBy.isEmpty, !saga.instance.status.isEnd else { return }
        let lost = try stepsUndoneOtherwise(by: saga.ledBy, on: connection)
        guard let step = saga.instance.steps.first(where: { lost.contains($0.id) && $0.mayHaveToBeUndone }) else {
            return
        }
        throw UnreadableSaga(key: saga.key, detail: "it has a step \(step.id) that this program undoes otherwise")
    }

    private func stepsUndoneOtherwise(by leader: String, on connection: Connection) throws -> Set<String> {
        if let known = lost.withLock({ $0[leader] }) { return known }
        guard let course = try SagaDefinitions.course(leader, of: definition.name, on: connection) else { return [] }
        let found = definition.stepsUndoneOtherwise(than: course)
        lost.withLock { $0[leader] = found }
        return found
    }
}

extension SagaInstance.Step {
    /// Were it to be undone, there would be something to do.
    var mayHaveToBeUndone: Bool {
        if undo.progress != .waiting { return !undo.isDone }
        return switch call.progress {
        case .requested, .succeeded, .timedOut: true
        case .waiting, .refused, .failed, .resolved: false
        }
    }
}
