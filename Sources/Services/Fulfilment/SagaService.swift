import Execution
import Messaging
import OrderflowKit
import Orders
import Postgres

/// The fulfilment saga as a service: leads every order to confirmed or cancelled, or watches the others do it.
///
///     order-events ─> FulfilmentSaga ─> inventory-commands, payment-commands, order-commands
///     the clock ────┘
public struct SagaService: Sendable {
    public struct Configuration: Sendable {
        public var mode = FulfilmentMode.orchestration
        public var patience = FulfilmentSaga.Patience()

        public init() {}
    }

    private let service: ReactingService
    private let deadlines: SagaDeadlineWorker
    private let admission: SagaAdmission

    /// Throws for brokers or a saga that can't be what they are said to be.
    public init(_ context: ServiceContext, configuration: Configuration = Configuration()) throws {
        let orchestrator = try FulfilmentSaga.orchestrator(topics: context.topics, configuration)
        let service = try ReactingService(
            context,
            consumer: ConsumerRunner.Configuration(group: ConsumerGroup.saga, topics: [context.topics.orderEvents]),
            handler: SagaFactHandler(orchestrator),
            backlog: [
                .sagas(FulfilmentSaga.name), .sagaSteps(FulfilmentSaga.name), .sagaAttention(FulfilmentSaga.name),
            ])
        let deadlines = SagaDeadlineWorker(
            orchestrator, database: context.database, keyField: "order_id", logger: context.logger,
            onCommit: { service.relay.wake() })
        let admission = SagaAdmission(
            orchestrator.definition, database: context.database, logger: context.logger)
        self.admission = admission
        self.service = service
        self.deadlines = deadlines
        context.health.register("definition") { admission.currentProblem.map { .notReady($0) } ?? .ready }
        context.health.register("deadlines") { deadlines.currentProblem.map { .notReady($0) } ?? .ready }
    }

    /// They end with `RetiredSteps` where orders under way need steps that the definition lacks.
    public var parts: [ThreadGroup.Part] {
        admission.guarding(service.parts + [ThreadGroup.Part("deadlines") { deadlines.run(until: $0) }])
    }
}

extension FulfilmentSaga {
    /// The saga with how it conducts itself, for the service and for operators' commands.
    public static func orchestrator(
        topics: Topics, _ configuration: SagaService.Configuration
    ) throws(SagaDefinition.Invalid) -> SagaOrchestrator {
        SagaOrchestrator(
            try definition(topics: topics, patience: configuration.patience),
            conduct: configuration.mode == .orchestration ? .leading : .watching, source: "/orderflow/saga",
            newID: { UUIDText.v7(microseconds: $0) }, instanceID: { try $0.payload(of: facts)?.key })
    }
}
