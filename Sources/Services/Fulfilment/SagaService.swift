import Execution
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres

extension ServiceModule {
    /// The fulfilment saga: leads every order to confirmed or cancelled, or watches the others do it.
    ///
    ///     order-events ─> FulfilmentSaga ─> inventory-commands, payment-commands, order-commands
    ///     the clock ────┘
    public static let saga = ServiceModule("saga", port: 7, summary: "leads every order to confirmed or cancelled") {
        Explained(
            "Lead every order to confirmed or cancelled.",
            """
            Asks inventory and payment in turn while shipping prepares, then has the order confirmed; at a failure, a \
            deadline or the customer's cancellation it has everything undone, and then the order cancelled. With \
            saga.mode choreography it only keeps track. Consumer group saga-group. GET /sagas and GET /sagas/{orderId} \
            on this role's port, or `orderflow sagas`.
            """,
            examples: """
                  orderflow saga --set saga.payment_deadline=5m
                  curl 'localhost:3007/sagas?attention=true'
                """)
        Does(.fulfilment)
        ServiceDatabase.saga
        Consumes(
            // The instances themselves know which facts they have heard of.
            ConsumerGroup(FulfilmentSaga.group, reads: [.init(.orderEvents)], usesInbox: false) { context in
                SagaFactHandler(try FulfilmentSaga.orchestrator(context.settings))
            })
        Runs { try FulfilmentSaga.running($0) }
        ExternalParticipants.keys
        SettingKey(
            "saga.answer_within", \SagaSettings.retry.answerWithin, SagaSettings.time,
            """
            What has to succeed in the end (compensations, the confirmation, the cancellation) is asked again after \
            this long without an answer; twice as long each time.
            """)
        SettingKey(
            "saga.retry_base", \SagaSettings.retry.base, SagaSettings.time,
            "A refused compensation is asked again after this long; twice as long each time.")
        SettingKey("saga.retry_cap", \SagaSettings.retry.cap, SagaSettings.time, "The longest of these waits.")
        SettingKey(
            "saga.attention_after", \SagaSettings.retry.attentionAfter, .integer(1...1000),
            "Refusals, or commands unanswered in a row, after which `orderflow sagas list --attention` has the order.")
        Alert(
            "OrderflowSagaDeadlines",
            #"sum by (saga, step) (rate(orderflow_saga_transitions_total{event="timed-out"}[5m])) > 0"#, for: "5m",
            .ticket, "{{ $labels.step }} of {{ $labels.saga }} isn't answered in time, and orders are undone for it")
        Alert(
            "OrderflowSagaNeedsAPerson", "max by (saga) (orderflow_sagas_attention) > 0", .page,
            "{{ $value }} instances of {{ $labels.saga }} can't go on by themselves", "See `orderflow sagas list`.")
        Measures([
            "orderflow_sagas": "Instances under way, by status.",
            "orderflow_sagas_attention": "Instances that can't go on without a person.",
            "orderflow_saga_waiting_steps": "Steps and compensations that instances under way wait for an answer to.",
            "orderflow_saga_transitions_total":
                "What happened to instances: timed-out is a missed deadline, undo-requested a compensation.",
            "orderflow_saga_step_seconds": "A step, from its command to its outcome.",
            "orderflow_saga_seconds": "An instance, from its start to its end, by that.",
        ])
    }
}

/// How the saga asks again; how long it waits for each step is `StepDeadlines`.
package struct SagaSettings: SettingsSection {
    package var retry = SagaRetry()

    package init() {}
}

extension SagaSettings {
    static let time = SettingFormat.duration(.milliseconds(10) ... .seconds(7 * 86_400))

}

extension FulfilmentSaga {
    /// The saga with how it conducts itself, for the service and for operators' commands.
    package static func orchestrator(_ settings: Settings) throws(SagaDefinition.Invalid) -> SagaOrchestrator {
        let commands = Set(settings.steps.compactMap(\.command?.type))
        return SagaOrchestrator(
            try definition(
                of: settings.services, settings.steps, topics: settings.topics.names, patience: patience(settings)),
            conduct: settings.mode == .orchestration ? .leading : .watching, source: "/orderflow/saga",
            newID: { UUIDText.v7(microseconds: $0) }, instanceID: { try $0.fulfilmentOrderID() },
            factType: { try factType(of: $0, commands) })
    }

    /// What a fact is called to instances.
    ///
    /// - Parameter commands: of the steps.
    package static func factType(of message: InboundMessage, _ commands: Set<String>) throws -> String {
        guard message.type == CommandExpired.type, let fact = try message.payload(as: CommandExpired.self),
            commands.contains(fact.command)
        else { return message.type }
        return SagaDefinition.factType(message.type, of: fact.command)
    }

    private static func patience(_ settings: Settings) -> Patience {
        var patience = Patience()
        patience.deadlines = settings[StepDeadlines.self]
        patience.compensation = settings[SagaSettings.self].retry
        patience.order = settings[SagaSettings.self].retry
        return patience
    }

    /// What a saga process does beside its consumer group. Throws for a saga that can't be what it is said to be; the
    /// parts end with `RetiredSteps` where orders under way need steps that the definition lacks.
    static func running(_ context: ServiceContext) throws -> Running {
        let orchestrator = try orchestrator(context.settings)
        let deadlines = SagaDeadlineWorker(
            orchestrator, database: context.database,
            after: ReadingProgress(
                of: [FulfilmentSaga.group], topics: Set(context.topics.all(of: .orderEvents)), kafka: context.kafka,
                logger: context.logger),
            keyField: "order_id", logger: context.logger,
            onCommit: { context.wakeRelays() })
        let admission = SagaAdmission(orchestrator.definition, database: context.database, logger: context.logger)
        context.health.register("definition") { admission.currentProblem.map { .notReady($0) } ?? .ready }
        context.health.register("deadlines") { deadlines.currentProblem.map { .notReady($0) } ?? .ready }
        let pool = ConnectionPool(context.requestDatabase, size: 2, name: "sagas", logger: context.logger)
        context.collectors.watch(pool, name: "sagas")
        let routes = SagaRoutes(orchestrator, database: pool, logger: context.logger)
        return Running(
            parts: [ThreadGroup.Part("deadlines") { deadlines.run(until: $0) }], onCommit: { deadlines.wake() },
            backlog: [
                .sagas(FulfilmentSaga.name), .sagaSteps(FulfilmentSaga.name), .sagaAttention(FulfilmentSaga.name),
            ], admission: { admission.guarding($0) }, routes: [routes.routes])
    }
}
