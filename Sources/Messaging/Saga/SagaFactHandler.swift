import Execution
import Postgres

/// Lets facts move instances: what isn't known of the whole batch is loaded by one query, all of it is folded in order, and
/// written by one.
public struct SagaFactHandler: BatchHandler {
    private let orchestrator: SagaOrchestrator
    private let guesses: SagaGuesses
    public var types: Set<String> { orchestrator.definition.types }

    /// Bytes of instances that are remembered: 1 300 to 2 600.
    static let standardLimit = 4 << 20

    public init(_ orchestrator: SagaOrchestrator) {
        self.init(orchestrator, guesses: SagaGuesses())
    }

    init(_ orchestrator: SagaOrchestrator, guesses: SagaGuesses) {
        self.orchestrator = orchestrator
        self.guesses = guesses
    }

    public func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let facts = try messages.compactMap { message in
            try orchestrator.instanceID(message).map { (message, SagaKey(tenant: message.tenant, id: $0)) }
        }
        let new = facts.lazy.filter { message, _ in orchestrator.begins(with: message) }.map(\.1)
        let guessed = try guesses.guess(Set(facts.lazy.map(\.1)), new: Set(new), on: connection)
        var sagas = Array(guessed.known.values)
        if !guessed.unknown.isEmpty { sagas += try orchestrator.lock(guessed.unknown, on: connection) }
        var batch = SagaBatch(orchestrator, sagas)
        for (message, key) in facts {
            do {
                try batch.apply(message, to: key, at: WallClock.nowMicroseconds())
            } catch {
                // The engine is pure: what it can't do now it never can.
                throw MessageRejected("\(error)")
            }
        }
        // Of instances that have ended there is no more to come.
        let open = try batch.write(on: connection).filter { $0.instance.endedAt == nil }
        try guesses.learn(open.map { ($0.key, $0) }, on: connection)
        outbox += batch.outbox
    }
}

/// What a saga's workers take for granted of its instances.
typealias SagaGuesses = RowGuesses<SagaKey, StoredSaga>

extension SagaGuesses {
    /// - Parameter limit: bytes of instances.
    convenience init(limit: Int = SagaFactHandler.standardLimit) {
        // An instance has its steps beside its start and its log.
        self.init(limit: limit) { $0.instance.start.count + $0.log.bytes.count + 1 << 10 }
    }
}
