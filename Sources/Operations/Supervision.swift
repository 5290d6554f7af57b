import Execution
import Fulfilment
import Messaging
import OrderAPI
import OrderflowKit
import Orders
import Postgres
import Projection
import Query
import Webhooks

/// What a process serves and does for those who watch over the shop, beside its own work.
package enum Supervision {
    package static func running(_ context: ServiceContext, _ module: ServiceModule) throws -> Running {
        var running = Running()
        if module.duties.contains(.consistency) { running.join(try consistency(context, module)) }
        guard let store = module.database else { return running }
        let attention = try attention(context, module, store)
        running.routes.append(attention.routes)
        guard module.duties.contains(.dashboard), context.settings.dashboard.shown == .on else { return running }
        let dashboard = Dashboard(
            Dashboard.Configuration(
                roles: context.settings.dashboardRoles(besides: module), lanes: context.settings.services.lanes,
                credentials: context.settings.auth.serviceHeaders),
            role: module.name, health: context.health, metrics: { Observability.metrics.exposition() },
            attention: attention)
        let logger = context.logger
        let sessions = DashboardSessions(lifetime: context.settings.dashboard.session)
        running.join(
            Running(
                parts: dashboard.parts, routes: DashboardRoutes(dashboard, sessions: sessions, logger: logger).routes))
        if try context.settings.accessMode() == .required {
            let secret = SessionSecret(
                sessions: sessions, database: try context.database(of: .access), logger: logger)
            running.parts.append(ThreadGroup.Part("session-secret") { secret.run(until: $0) })
            running.widening = { sessions.gate(around: $0) }
        }
        return running
    }

    private static func attention(
        _ context: ServiceContext, _ module: ServiceModule, _ store: ServiceDatabase
    ) throws -> AttentionRoute {
        let pool = ConnectionPool(
            context.database, size: 1, queueLimit: 16, name: "attention", logger: context.logger)
        let sagas = store == .saga ? SagaOperator(try FulfilmentSaga.orchestrator(context.settings)) : nil
        return AttentionRoute(
            AttentionDocument(
                process: UUIDText.v7(microseconds: WallClock.nowMicroseconds()), role: module.name,
                service: store.name, sagas: sagas, hasEndpoints: store == .webhooks),
            database: pool)
    }

    /// What compares the read models and replicas with the event store; nothing where that is switched off.
    private static func consistency(_ context: ServiceContext, _ module: ServiceModule) throws -> Running {
        let views = context.settings[ViewsSettings.self]
        guard views.checkInterval > .zero else { return Running() }
        var configuration = ConsistencyMonitor.Configuration()
        configuration.interval = views.checkInterval
        configuration.sweep = views.checkOrders
        let topics = context.topics.all(of: .orderEvents)
        let monitor = try ConsistencyMonitor(
            orders: context.database, views: context.database(of: .views), topics: topics,
            after: ReadingProgress(
                of: [ReadModelGroup.orders, ReadModelGroup.invoices, ReadModelGroup.sales], topics: Set(topics),
                kafka: context.kafka, logger: context.logger),
            replicas: WatchedReplica.all(of: module, context), configuration: configuration, logger: context.logger)
        context.health.watch(consistency: monitor)
        context.collectors.watch(monitor)
        return Running(parts: [monitor.part])
    }
}
