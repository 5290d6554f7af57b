import Execution
import HTTPServer
import InventoryFacts
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts
import Postgres
import Query
import UserFacts

extension ServiceModule {
    /// The order service: takes orders into the event store, publishes them, and lets the saga confirm or cancel them.
    ///
    ///     POST /orders ─> EventWriter ─> events ─relay─> order-events
    ///     POST /users, /accounts ─> events ─relay─> user-events
    ///     order-commands ─> OrderCommandHandler ─> events
    ///     order-events ─> OrderOutcomeHandler ─> events          in choreography
    public static let api = ServiceModule(
        "api", port: 0,
        summary: "takes orders over HTTP into the event store and publishes them; answers queries", source: "orders"
    ) {
        Explained(
            "Take orders over HTTP, publish them, answer queries.",
            """
            POST /orders is answered 201 once the order is committed to the event store, whether Kafka is there or \
            not; the relay publishes it to order-events. Commands of the saga come in by order-commands. Queries \
            (GET /orders, GET /orders/{id}) are answered from the read models. POST /quotes asks inventory over Kafka \
            whether there is enough, and waits for the answer for quotes.timeout.
            """,
            examples: """
                  orderflow api --port 8080
                  orderflow api --host 0.0.0.0 --set orders.writers=4
                  curl -X POST localhost:3000/orders -H 'Content-Type: application/json' \\
                       -d '{"userId":"alice","items":[{"sku":"ABC","qty":2}],"total":49.99}'
                """)
        Does(.dashboard, .consistency)
        ServiceDatabase.orders
        Owns(.orderEvents, .userEvents, .orderCommands)
        PublishesStreams([OrderStreams.category: .orderEvents, UserStreams.category: .userEvents])
        Publishes(
            OrderCreated.self, OrderConfirmed.self, OrderCancellationRequested.self, OrderCancelled.self,
            BatchCompleted.self, CommandExpired.self, OrderScheduled.self, OrderWithdrawn.self, on: .orderEvents)
        Publishes(UserCreated.self, AccountCreated.self, on: .userEvents)
        Accepts(ConfirmOrder.self, CancelOrder.self, SendPaymentToken.self, PlaceOrder.self, on: .orderCommands)
        Sends(PlaceOrder.self, on: .orderCommands)
        Sends(KeepPaymentToken.self, on: .paymentCommands)
        FulfilmentDecision(
            confirm: .init(.orderCommands) { order, _ in ConfirmOrder(orderID: order.orderID) },
            confirmedBy: [OrderConfirmed.type],
            cancel: .init(.orderCommands) { order, reason in CancelOrder(orderID: order.orderID, reason: reason) },
            cancelledBy: [OrderCancelled.type])
        // Orders are taken without Kafka too.
        // The aggregate refuses what has happened to it; the handler sees to what is answered.
        Consumes(
            ConsumerGroup(
                OrderCommandHandler.group, reads: [.init(.orderCommands), .init(.orderEvents)], usesInbox: false,
                isNeeded: false
            ) {
                OrderCommandHandler(
                    paymentCommands: $0.topics[.paymentCommands], fanIn: BatchFanIn(topic: $0.topics[.orderEvents]))
            })
        Consumes(
            ConsumerGroup(
                "order-outcomes-group", reads: [.init(.orderEvents, in: .choreography)], usesInbox: false,
                isNeeded: false
            ) { context in
                OrderOutcomeHandler(context.settings.steps, fanIn: BatchFanIn(topic: context.topics[.orderEvents]))
            })
        PlacingTime.evidence
        Evidence.published(.eventStore(topics: [:]))
        Asks(QuoteRequest.self, on: .quoteRequests) { $0.settings[QuotesSettings.self].inFlight }
        Runs { try Running(routes: [QuoteRoutes($0).routes]) }
        QuotesSettings.keys
        BatchEvidence.counts
        BatchEvidence.ends
        QueryRoutes.metrics
        Measures([
            "orderflow_batch_lines_total": "Lines of batches of orders, by what they were answered.",
            "orderflow_view_lag_events": "Events that are committed and not in the read model of orders.",
            "orderflow_view_lag_seconds": "Age of the oldest of them; 0 with none.",
            "orderflow_view_differing_orders": "Orders of which a read model says something else than the event store.",
            "orderflow_view_compared_orders_total": "Orders compared with the event store.",
            "orderflow_view_sweeps_total": "Times that all orders were compared.",
            "orderflow_replica_compared_rows_total": "Rows of replicas compared with the event store.",
            "orderflow_replica_differing_rows": "Rows of replicas that aren't what the event store says.",
        ])
        Alert(
            "OrderflowAppendsFail", #"sum(rate(orderflow_eventstore_appends_total{outcome="failed"}[5m])) > 0"#,
            for: "2m", .page, "Orders are refused because the event store can't be written")
        Alert(
            "OrderflowAppendQueueFull",
            "max by (instance) (orderflow_eventstore_queue_depth / orderflow_eventstore_queue_limit) > 0.5",
            for: "2m", .ticket, "The event store's writers don't keep up; beyond the limit orders get 503")
        Alert(
            "OrderflowReadModelsDiffer", "max by (read_model) (orderflow_view_differing_orders) > 0", for: "5m",
            .ticket, "{{ $value }} orders differ between {{ $labels.read_model }} and the event store")
        Alert(
            "OrderflowReplicasDiffer", "max by (replica) (orderflow_replica_differing_rows) > 0", for: "5m", .ticket,
            "{{ $value }} rows of {{ $labels.replica }} aren't what the event store says")
        Alert(
            "OrderflowReadModelsLate", "max(orderflow_view_lag_seconds) > 60", for: "5m", .ticket,
            "the read model of orders is {{ $value }} s behind the event store")
        Runs { context in
            let service = OrderService(context)
            var running = service.running(context)
            running.join(service.following(context))
            running.join(try QueryRoutes.running(context, areMainWork: false, graphQL: service.graphQL(context)))
            running.join(SagaLookup.running(context, orders: service.database))
            return running
        }
        OpenAPIRoute().routes
        SettingKey(
            "orders.writers", \OrdersSettings.writers, .integer(1...64),
            "Connections that append new orders, in groups.")
        SettingKey(
            "orders.queue_limit", \OrdersSettings.queueLimit, .integer(1...1_000_000),
            """
            Orders waiting for a writer; more are answered 503 with Retry-After, and sooner those of a tenant that \
            has most of them.
            """)
        SettingKey(
            "orders.shares", \OrdersSettings.shares, .tenantShares,
            "Weights of tenants while the orders of several wait for a writer, such as acme=4,globex=2; others have 1.")
        SettingKey(
            "orders.pool_size", \OrdersSettings.poolSize, .integer(1...256),
            "Connections for cancellations and histories, which also bounds how many run at once.")
        SettingKey(
            "orders.place_ahead", \OrdersSettings.placeAhead, .duration(.seconds(1) ... .seconds(3650 * 86_400)),
            "How far ahead an order's placeAt may be; 422 beyond.")
        SettingKey(
            "orders.batches", \OrdersSettings.batches, .integer(1...1_000),
            """
            Batches (POST /orders/batch) taken at once, of which a quarter may have policy=all; more are answered 503 with \
            Retry-After. Each may hold some 6 MiB, one with policy=all some 40 MiB.
            """)
        SettingKey(
            "orders.batch_patience", \OrdersSettings.batchPatience, .duration(.seconds(1) ... .seconds(30 * 86_400)),
            """
            How long a batch whose request was cut stays open for the same request to come again; then it is closed with \
            the orders that it has.
            """)
    }
}

/// How the API takes orders.
package struct OrdersSettings: SettingsSection {
    package var writers = 2
    package var queueLimit = 8_192
    /// Of tenants that have another weight than 1.
    package var shares: [TenantShare] = []
    package var poolSize = 4
    package var placeAhead: Duration = .seconds(90 * 86_400)
    /// Taken at once.
    package var batches = 16
    /// How long a batch whose request was cut stays open.
    package var batchPatience: Duration = .seconds(3600)

    package init() {}
}

/// Takes orders and users into the event store, and answers from it.
public struct OrderService: Sendable {
    public let writer: EventWriter
    /// Connections for everything but new orders: cancellations, histories.
    public let database: ConnectionPool
    let secrets: KnownSecrets
    /// Of the daemon's, for opening and sealing batches, and for those that are stored as a whole.
    let batches: ConnectionPool
    let batchSeats: BatchSeats
    let batchMetrics = BatchMetrics()
    let limits: RequestLimits?
    let placing: PlacingTime
    let priorities: OrderPriorities
    /// Where the order service's facts are said.
    let topic: String
    /// Has what was appended past the writer published.
    let wakeRelay: @Sendable () -> Void

    public init(_ context: ServiceContext) {
        let settings = context.settings[OrdersSettings.self]
        let wake = context.wakeRelays
        wakeRelay = { wake() }
        secrets = KnownSecrets(context.database, logger: context.logger)
        writer = EventWriter(
            database: context.database, writers: settings.writers, queueLimit: settings.queueLimit,
            weights: Dictionary(settings.shares.map { ($0.tenant, $0.weight) }, uniquingKeysWith: { $1 }),
            ledger: BatchLedger(), logger: context.logger, together: { body in Responder.batch(body) },
            onCommit: { wake(isExpress: $0) })
        database = ConnectionPool(
            context.requestDatabase, size: settings.poolSize, name: "orders", logger: context.logger)
        batches = ConnectionPool(context.database, size: 2, name: "batches", logger: context.logger)
        batchSeats = BatchSeats(settings.batches)
        limits = context.limits
        placing = PlacingTime(context)
        priorities = OrderPriorities(hasLanes: context.settings.lanes.express == .on)
        topic = context.topics[.orderEvents]
    }

    /// What GraphQL has to ask others for in other processes.
    func graphQL(_ context: ServiceContext) -> GraphQLBackend {
        GraphQLBackend(
            writes: OwnWrites(
                service: self, orders: OrderRoutes(self, logger: context.logger), users: UserRoutes(self)),
            histories: OwnHistories(database: database))
    }

    func running(_ context: ServiceContext) -> Running {
        context.health.watch(writer: writer)
        context.collectors.watch(writer)
        context.collectors.watch(database, name: "orders")
        context.collectors.watch(batches, name: "batches")
        return Running(
            parts: [ThreadGroup.Part("event-writer") { writer.run(until: $0) }], servesFromParts: true,
            routes: OrderRoutes(self, logger: context.logger).routes
                + [BatchRoutes(self, logger: context.logger).routes, UserRoutes(self).routes])
    }

    /// What tells how batches fare, and closes those that their senders have left.
    func following(_ context: ServiceContext) -> Running {
        let views = context.settings[ViewsSettings.self]
        let watch = BatchWatch(
            database, waits: Places(views.waits, share: views.waitsPerAddress),
            streams: Places(views.streams, share: views.streamsPerAddress),
            isDraining: { [health = context.health] in health.isStopping }, logger: context.logger)
        let closer = BatchCloser(
            context.database, topic: context.topics[.orderEvents],
            patience: context.settings[OrdersSettings.self].batchPatience, logger: context.logger)
        return Running(
            parts: [
                ThreadGroup.Part("batch-watch") { watch.run(until: $0) },
                ThreadGroup.Part("batch-closer") { closer.run(until: $0) },
            ], onCommit: { watch.changed() }, routes: [BatchQueryRoutes(database, watch: watch).routes])
    }
}
