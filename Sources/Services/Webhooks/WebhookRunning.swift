import Execution
import Messaging
import OrderflowKit
import Postgres

extension WebhookSettings {
    /// Requests that are worked on at once.
    private static let connections = 4

    /// What a process of the role does beside its consumer group.
    static func running(_ context: ServiceContext) throws -> Running {
        let settings = context.settings[WebhookSettings.self]
        let desk = context.shared(DeliveryDesk())
        let vault = SecretVault()
        var work = DeliveryWorker.Configuration()
        work.rounds = settings.rounds
        work.pace = context.settings.pace.tick(of: .urgent)
        let worker = DeliveryWorker(
            work, database: context.database, desk: desk, vault: vault, logger: context.logger,
            sender: { try settings.sender() })
        let upkeep = WebhookUpkeep(
            database: context.database, desk: desk, keep: settings.keep, logger: context.logger)
        let pool = ConnectionPool(
            context.requestDatabase, size: connections, name: context.name, logger: context.logger)
        context.collectors.watch(pool, name: context.name)
        context.health.register("webhook_secrets") {
            vault.isReady ? .ready : .notReady("the key that secrets are sealed by isn't read yet")
        }
        return Running(
            parts: [
                ThreadGroup.Part("webhooks") { try worker.run(until: $0) },
                ThreadGroup.Part("webhook-upkeep") { try upkeep.run(until: $0) },
            ], backlog: backlog,
            routes: WebhookRoutes(
                database: pool, vault: vault, desk: desk, types: EventTypes(context.settings.services),
                settings: settings, source: context.source
            ).routes)
    }

    private static let backlog = [
        BacklogQuery(
            "orderflow_webhook_endpoints", variable: ["state"],
            sql: """
                SELECT count(endpoints.number)::float8, states.state
                FROM unnest(ARRAY['active', 'paused', 'suspended']) AS states (state)
                LEFT JOIN endpoints USING (state) GROUP BY states.state
                """),
        BacklogQuery(
            "orderflow_webhook_pending",
            sql: """
                SELECT count(*)::float8 FROM (
                    SELECT 1 FROM deliveries JOIN endpoints ON number = endpoint
                    WHERE deliveries.state = 'pending' AND endpoints.state = 'active' LIMIT 100000) waiting
                """),
        // By the index of what is pending, one row an endpoint.
        BacklogQuery(
            "orderflow_webhook_oldest_seconds",
            sql: """
                SELECT COALESCE(EXTRACT(EPOCH FROM now() - min(heard_at)), 0)::float8
                FROM endpoints JOIN queues ON queues.endpoint = number
                CROSS JOIN LATERAL (
                    SELECT fact FROM deliveries
                    WHERE deliveries.endpoint = number AND deliveries.state = 'pending'
                    ORDER BY fact LIMIT 1) next
                JOIN facts ON facts.position = next.fact
                WHERE endpoints.state = 'active' AND failures = 0 AND replay_next IS NULL
                """),
    ]
}
