import Messaging
import OrderFacts
import OrderflowKit
import Orders

/// The fulfilment of an order, of the steps that the program's services take. With the standard ones:
///
///     OrderCreated ─> ReserveStock ─> ProcessPayment ─┐
///          └─ shipping prepares on its own ───────────┴─> ConfirmOrder ─> OrderConfirmed
///
///     failure, deadline, cancellation ─> RefundPayment ─> ReleaseStock ─> CancelOrder ─> OrderCancelled
public enum FulfilmentSaga {
    public static let name = "fulfilment"
    public static let group = "saga-group"
    /// Counted up with each change of the standard steps' course.
    static let version = 1

    /// How long each participant may take, and how the rest is asked again.
    package struct Patience: Hashable, Sendable {
        package var deadlines = StepDeadlines()
        package var compensation = SagaRetry()
        package var order = SagaRetry(answerWithin: .seconds(15))

        package init() {}
    }

    /// The definition that follows from the services' steps. Throws where they don't fit together.
    ///
    /// - Parameter steps: where there are others than the services' own.
    package static func definition(
        of services: ServiceCatalogue, _ steps: [FulfilmentStep]? = nil, topics: Topics = Topics(),
        patience: Patience = Patience()
    ) throws(SagaDefinition.Invalid) -> SagaDefinition {
        guard let decision = services.decision else {
            throw SagaDefinition.Invalid(saga: name, detail: "no service of this program confirms orders")
        }
        let steps = steps ?? services.steps
        return try SagaDefinition(
            name: name,
            version: version,
            startedBy: OrderCreated.type,
            cancelledBy: [OrderCancellationRequested.type, OrderCancelled.type],
            steps: steps.map { sagaStep($0, topics, patience) } + [
                .pivot(
                    FulfilmentDecision.step, after: steps.map(\.name), command: builder(decision.confirm, topics),
                    succeededBy: decision.confirmedBy, retry: patience.order)
            ],
            abort: SagaAbort(
                command: builder(decision.cancel, topics), answeredBy: decision.cancelledBy, retry: patience.order),
            expiredBy: CommandExpired.type,
            reason: reasons(steps))
    }

    private static func sagaStep(_ step: FulfilmentStep, _ topics: Topics, _ patience: Patience) -> SagaStep {
        let deadline = patience.deadlines[step.name, step.deadline]
        let command = step.command.map { builder($0, topics) }
        guard let command, let compensation = step.compensation else {
            return .external(
                step.name, after: step.after, command: command, succeededBy: step.succeededBy,
                failedBy: step.failedBy, deadline: deadline)
        }
        return .compensatable(
            step.name, after: step.after, command: command, succeededBy: step.succeededBy, failedBy: step.failedBy,
            deadline: deadline,
            compensation: SagaCompensation(
                command: builder(compensation.command, topics), doneBy: compensation.doneBy,
                refusedBy: compensation.refusedBy, retry: patience.compensation))
    }

    private static func builder(_ command: FulfilmentStep.Command, _ topics: Topics) -> SagaCommandBuilder {
        SagaCommandBuilder(topic: topics[command.topic], type: command.type) { context in
            let order = try OrderCreated(EncodedPayload(context.start, from: .store))
            return try command.payload(order, context.reason ?? "")
        }
    }

    /// What customers and operators are told.
    private static func reasons(
        _ steps: [FulfilmentStep]
    ) -> @Sendable (_ type: String, _ payload: [UInt8]) -> String? {
        var failing: [String: FulfilmentStep] = [:]
        for step in steps { for type in step.failedBy { failing[type] = step } }
        return { [failing] type, payload in
            failing[type]?.failure(type: type, payload: payload) ?? FulfilmentStep.reason(payload)
        }
    }
}
