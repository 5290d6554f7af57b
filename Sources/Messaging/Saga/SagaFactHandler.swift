import Execution
import Postgres

/// Lets facts move instances: the whole batch is loaded by one query, folded in order, and written by one.
public struct SagaFactHandler: BatchHandler {
    private let orchestrator: SagaOrchestrator
    public var types: Set<String> { orchestrator.definition.types }

    public init(_ orchestrator: SagaOrchestrator) {
        self.orchestrator = orchestrator
    }

    public func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let facts = try messages.compactMap { message in
            try orchestrator.instanceID(message).map { (message, SagaKey(tenant: message.tenant, id: $0)) }
        }
        var batch = SagaBatch(
            orchestrator, try orchestrator.lock(Set(facts.map(\.1)).sorted(), on: connection))
        for (message, key) in facts {
            do {
                try batch.apply(message, to: key, at: WallClock.nowMicroseconds())
            } catch {
                // The engine is pure: what it can't do now it never can.
                throw MessageRejected("\(error)")
            }
        }
        try batch.write(on: connection)
        outbox += batch.outbox
    }
}
