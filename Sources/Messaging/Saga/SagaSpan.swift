import Telemetry
import Tracing

extension Traces {
    /// The span of one transition, which the commands that it sends come under; nil where the trace isn't recorded. A
    /// transition that is rolled back and made again has one each time.
    func step(
        _ transition: SagaTransition, of key: SagaKey, _ definition: SagaDefinition, under traceparent: String?
    ) -> ActiveSpan? {
        guard transition.changed else { return nil }
        let span = self.continue(
            Self.name(transition, definition), under: traceparent,
            attributes: [
                "orderflow.saga": .string(definition.name), "orderflow.saga.id": .string(key.id),
                "orderflow.saga.status": .string(transition.instance.status.rawValue),
                "orderflow.tenant": .string(key.tenant),
                "orderflow.saga.events": .stringArray(transition.log.map(Self.words)),
                "orderflow.saga.commands": .stringArray(transition.commands.map(\.type)),
            ])
        // A search for what went wrong finds the step, not the undoing of others.
        if let failed = transition.log.first(where: { $0.event.isFailure }) {
            span?.fail(failed.event.rawValue, failed.detail)
        }
        return span
    }

    /// As many values as the definition has steps and events: `saga fulfilment: stock succeeded, payment requested`.
    private static func name(_ transition: SagaTransition, _ definition: SagaDefinition) -> String {
        "saga \(definition.name): \(transition.log.map(words).joined(separator: ", "))"
    }

    private static func words(_ entry: SagaLogEntry) -> String {
        [entry.step, entry.event.rawValue].compactMap { $0 }.joined(separator: " ")
    }
}

extension SagaLogEntry.Event {
    fileprivate var isFailure: Bool {
        switch self {
        case .failed, .timedOut, .undoRefused, .anomaly, .attention: true
        default: false
        }
    }
}
