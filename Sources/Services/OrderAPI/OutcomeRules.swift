import OrderFacts
import OrderflowKit
import Orders

/// What facts mean to an order in choreography: it follows from the steps of its fulfilment.
struct OutcomeRules: Sendable {
    /// All that have to succeed.
    let steps: Set<String>
    private let succeeding: [String: FulfilmentStep]
    private let failing: [String: FulfilmentStep]

    init(_ steps: [FulfilmentStep]) {
        self.steps = Set(steps.map(\.name))
        var (succeeding, failing): ([String: FulfilmentStep], [String: FulfilmentStep]) = ([:], [:])
        for step in steps {
            for type in step.succeededBy { succeeding[type] = step }
            for type in step.failedBy { failing[type] = step }
        }
        (self.succeeding, self.failing) = (succeeding, failing)
    }

    /// Types of facts that mean something.
    var types: Set<String> {
        Set(succeeding.keys).union(failing.keys).union([OrderCancellationRequested.type])
    }

    func outcome(type: String, payload: [UInt8]) -> OrderOutcomes.Outcome? {
        if let step = succeeding[type] { return .succeeded(step: step.name) }
        if let step = failing[type] { return .failed(reason: step.failure(type: type, payload: payload)) }
        guard type == OrderCancellationRequested.type else { return nil }
        return .cancellationRequested(reason: FulfilmentStep.reason(payload) ?? "")
    }
}
