import Execution
import Messaging
import OrderflowKit
import Postgres
import Projection

extension ServiceModule {
    /// Answers queries alone; the API has the same routes.
    public static let query = ServiceModule("query", port: 1, summary: "answers queries alone, from the read models") {
        Explained(
            "Answer queries alone, from the read models.",
            "GET /orders and GET /orders/{id}, for scaling reads apart from writes. `orderflow api` has them as well.",
            examples: """
                  orderflow query
                  curl 'localhost:3001/orders?userId=alice&status=confirmed'
                """)
        Does(.onRequest)
        Runs { context in
            var running = try QueryRoutes.running(context, areMainWork: true)
            running.servesFromParts = true
            return running
        }
        RoleURLs.keys
        GraphQLSettings.keys
        SettingKey(
            "views.pool_size", \ViewsSettings.poolSize, .integer(1...256), "Connections for queries of read models.")
        SettingKey(
            "views.max_waits", \ViewsSettings.waits, .integer(1...1_000_000),
            "Requests that wait for an order to change (Prefer: wait); 503 beyond.")
        SettingKey(
            "views.max_waits_per_address", \ViewsSettings.waitsPerAddress, optional: .integer(1...1_000_000),
            "Of them, those of one address, 429 beyond; empty is no limit, as behind a proxy it must be.")
        SettingKey(
            "views.max_streams", \ViewsSettings.streams, .integer(1...1_000_000),
            "Open streams of GET /orders/{id}/stream; 503 beyond.")
        SettingKey(
            "views.max_streams_per_address", \ViewsSettings.streamsPerAddress, optional: .integer(1...1_000_000),
            "Of them, those of one address, 429 beyond; empty is no limit, as behind a proxy it must be.")
        SettingKey(
            "views.check_interval", \ViewsSettings.checkInterval, .duration(.zero ... .seconds(3600)),
            "How often one of the API's processes compares read models with the event store; 0s never does.")
        SettingKey(
            "views.check_orders", \ViewsSettings.checkOrders, .integer(0...10_000),
            "Orders it looks at each time, besides those that changed last, on its way through all of them.")
        QueryRoutes.metrics
    }
}

extension QueryRoutes {
    /// Of every process that answers queries.
    package static let metrics = Measures(
        GraphQLMetrics.help.merging([
            "orderflow_view_watchers": "Requests that wait for an order to change, and open event streams.",
            "orderflow_view_watchers_refused_total": "Requests of both kinds refused because too many were there.",
        ]) { $1 })

    /// The queries of a process.
    ///
    /// - Parameters:
    ///   - areMainWork: whether the process isn't ready without the read models' database.
    ///   - backend: what GraphQL needs besides, where the process has it; else the API is asked for it.
    package static func running(
        _ context: ServiceContext, areMainWork: Bool, graphQL backend: GraphQLBackend? = nil
    ) throws -> Running {
        let settings = context.settings[ViewsSettings.self]
        let database = try context.database(of: .views, as: .requests)
        // What listens and asks whether the server is there needs no tenant, and sees no rows.
        var listening = database
        listening.tenantVariable = nil
        let pulse = DatabasePulse(listening, name: "views", needsWrites: false, logger: context.logger)
        context.health.watch(database: pulse, needed: areMainWork)
        let pool = ConnectionPool(database, size: settings.poolSize, name: "views", logger: context.logger)
        var limits = OrderWatch.Limits()
        limits.waits = settings.waits
        limits.waitsPerAddress = settings.waitsPerAddress
        limits.streams = settings.streams
        limits.streamsPerAddress = settings.streamsPerAddress
        let watch = OrderWatch(
            views: pool, database: listening, limits: limits,
            isDraining: { [health = context.health] in health.isStopping },
            logger: context.logger)
        context.collectors.watch(pool, name: "views")
        context.collectors.watch(watch)
        var running = Running(
            parts: watch.parts + [ThreadGroup.Part("views-pulse") { try pulse.run(until: $0) }],
            routes: QueryRoutes(views: pool, watch: watch).routes)
        running.join(try GraphQLService.running(context, views: pool, watch: watch, backend))
        return running
    }
}

/// How read models are read, and how often they are compared.
package struct ViewsSettings: SettingsSection {
    package var poolSize = 4
    package var waits = 1_000
    package var waitsPerAddress: Int? = 500
    package var streams = 1_000
    package var streamsPerAddress: Int? = 500
    /// Zero doesn't compare.
    package var checkInterval: Duration = .seconds(10)
    package var checkOrders = 500

    package init() {}
}
