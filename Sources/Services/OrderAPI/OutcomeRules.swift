import Messaging
import OrderFacts
import OrderflowKit
import Orders

/// What facts mean to an order in choreography: it follows from the steps of its fulfilment.
struct OutcomeRules: Sendable {
    /// All that have to succeed.
    let steps: Set<String>
    private let succeeding: [String: FulfilmentStep]
    private let failing: [String: FulfilmentStep]
    /// By the types of their commands.
    private let asked: [String: FulfilmentStep]

    init(_ steps: [FulfilmentStep]) {
        self.steps = Set(steps.map(\.name))
        var (succeeding, failing): ([String: FulfilmentStep], [String: FulfilmentStep]) = ([:], [:])
        for step in steps {
            for type in step.succeededBy { succeeding[type] = step }
            for type in step.failedBy { failing[type] = step }
        }
        (self.succeeding, self.failing) = (succeeding, failing)
        asked = Dictionary(steps.compactMap { step in step.command.map { ($0.type, step) } }, uniquingKeysWith: { $1 })
    }

    /// Types of facts that mean something.
    var types: Set<String> {
        Set(succeeding.keys).union(failing.keys).union([OrderCancellationRequested.type, CommandExpired.type])
    }

    func outcome(of message: InboundMessage) throws -> OrderOutcomes.Outcome? {
        if message.type == CommandExpired.type {
            return try FulfilmentStep.expired(in: message, of: asked).map {
                .failed(reason: "\($0.name) took too long")
            }
        }
        return outcome(type: message.type, payload: message.payload)
    }

    func outcome(type: String, payload: [UInt8]) -> OrderOutcomes.Outcome? {
        if let step = succeeding[type] { return .succeeded(step: step.name) }
        if let step = failing[type] { return .failed(reason: step.failure(type: type, payload: payload)) }
        guard type == OrderCancellationRequested.type else { return nil }
        return .cancellationRequested(reason: FulfilmentStep.reason(payload) ?? "")
    }
}
