import Execution
import Fulfilment
import HTTPServer
import Inventory
import Kafka
import Logging
import Messaging
import Notification
import Operations
import OrderAPI
import OrderflowKit
import Orders
import Outbound
import Payment
import Postgres
import Projection
import Query
import Shipping

extension RoleRuntime {
    /// Builds the role from the settings. Connects to nothing yet: a server that is away is waited for by the parts.
    func assemble() throws -> Assembly {
        var assembly = try parts()
        guard let store = ServiceDatabase.allCases.first(where: { $0.consumer == role }) else { return assembly }
        let pool = ConnectionPool(try database(store), size: 1, queueLimit: 16, name: "attention", logger: logger)
        let orchestrator =
            role == .saga
            ? try FulfilmentSaga.orchestrator(topics: settings.topics.names, settings.saga.configuration) : nil
        let attention = AttentionRoute(
            AttentionDocument(
                process: UUIDText.v7(microseconds: WallClock.nowMicroseconds()), role: role.rawValue,
                service: store.rawValue, sagas: orchestrator.map { SagaDesk($0) }), database: pool, logger: logger)
        assembly.alsoServing { attention.add(to: &$0) }
        guard role == .api, settings.dashboard.shown == .on else { return assembly }
        let dashboard = Dashboard(
            Dashboard.Configuration(
                roles: settings.dashboardRoles(besides: role), hosts: settings.dashboard.hosts),
            role: role.rawValue, health: health, metrics: { Observability.metrics.exposition() }, attention: attention)
        let page = DashboardRoutes(dashboard)
        assembly.parts += dashboard.parts
        assembly.alsoServing { page.add(to: &$0) }
        return assembly
    }

    private func parts() throws -> Assembly {
        switch role {
        case .api: try api()
        case .query: try query()
        case .shipping: try Assembly(parts: ShippingService(context("shipping", .shipping)).parts)
        case .notification: try notification()
        case .projection: try Assembly(parts: ProjectionService(context("projection", .views)).parts)
        case .payment: try payment()
        case .inventory: try inventory()
        case .saga: try saga()
        }
    }

    private func api() throws -> Assembly {
        var configuration = OrderService.Configuration()
        configuration.writers = settings.orders.writers
        configuration.queueLimit = settings.orders.queueLimit
        configuration.poolSize = settings.orders.poolSize
        configuration.mode = settings.saga.mode
        let service = try OrderService(context("orders", .orders), configuration: configuration)
        let orders = OrderRoutes(service, logger: logger)
        let users = UserRoutes(service, logger: logger)
        let (views, viewsParts) = try queries(areMainWork: false)
        let sagas = SagaLookup(
            url: settings.saga.url ?? "http://\(settings.http.localAuthority):\(settings.port(of: .saga))",
            logger: logger)
        Observability.metrics.collectors.watch(sagas.breaker)
        return Assembly(
            parts: try service.parts + sagas.parts + viewsParts + consistency(),
            addRoutes: { router in
                orders.add(to: &router)
                users.add(to: &router)
                views.add(to: &router)
                sagas.add(to: &router)
                OpenAPIRoute().add(to: &router)
            }, servesFromParts: true)
    }

    /// What compares the read models with the event store; nothing where that is switched off.
    private func consistency() throws -> [ThreadGroup.Part] {
        guard settings.views.checkInterval > .zero else { return [] }
        var configuration = ConsistencyMonitor.Configuration()
        configuration.interval = settings.views.checkInterval
        configuration.sweep = settings.views.checkOrders
        let monitor = try ConsistencyMonitor(
            orders: database(.orders), views: database(.views), topic: settings.topics.names.orderEvents,
            configuration: configuration, logger: logger)
        health.watch(consistency: monitor)
        Observability.metrics.collectors.watch(monitor)
        return [monitor.part]
    }

    private func query() throws -> Assembly {
        let (views, parts) = try queries(areMainWork: true)
        return Assembly(parts: parts, addRoutes: { views.add(to: &$0) }, servesFromParts: true)
    }

    private func queries(areMainWork: Bool) throws -> (routes: QueryRoutes, parts: [ThreadGroup.Part]) {
        let database = try database(.views)
        let pulse = DatabasePulse(database, name: "views", needsWrites: false, logger: logger)
        health.watch(database: pulse, needed: areMainWork)
        let pool = ConnectionPool(database, size: settings.views.poolSize, name: "views", logger: logger)
        var limits = OrderWatch.Limits()
        limits.waits = settings.views.waits
        limits.waitsPerAddress = settings.views.waitsPerAddress
        limits.streams = settings.views.streams
        limits.streamsPerAddress = settings.views.streamsPerAddress
        let watch = OrderWatch(
            views: pool, database: database, limits: limits, isDraining: { [health] in health.isStopping },
            logger: logger)
        Observability.metrics.collectors.watch(pool, name: "views")
        Observability.metrics.collectors.watch(watch)
        return (
            QueryRoutes(views: pool, watch: watch, logger: logger),
            watch.parts + [ThreadGroup.Part("views-pulse") { try pulse.run(until: $0) }]
        )
    }

    private func notification() throws -> Assembly {
        let delivery: NotificationService.Configuration.Delivery =
            if let url = settings.smtp.url { .smtp(SMTPClient.Configuration(url: url)) } else {
                .folder(settings.mail.directory)
            }
        let configuration = NotificationService.Configuration(
            delivery: delivery, from: settings.mail.from, recipientDomain: settings.mail.recipientDomain)
        return try Assembly(
            parts: NotificationService(context("notification", .notification), configuration: configuration).parts)
    }

    private func payment() throws -> Assembly {
        let payment = settings.payment
        let gateway: PaymentService.Configuration.Gateway
        if payment.gateway == .http, let url = payment.gatewayURL {
            var http = HTTPGateway.Configuration(url: url)
            http.token = payment.gatewayToken
            http.timeout = payment.timeout
            gateway = .http(http)
        } else {
            var simulated = SimulatedGateway.Configuration()
            simulated.latency = payment.simulatorLatency
            simulated.failureRate = payment.simulatorFailureRate
            simulated.hang = payment.timeout
            gateway = .simulated(simulated)
        }
        var configuration = PaymentService.Configuration(gateway: gateway)
        configuration.mode = settings.saga.mode
        configuration.concurrency = payment.concurrency
        configuration.timeout = payment.timeout
        configuration.retryCap = payment.retryCap
        return try Assembly(parts: PaymentService(context("payment", .payment), configuration: configuration).parts)
    }

    private func inventory() throws -> Assembly {
        let context = try context("inventory", .inventory)
        var configuration = InventoryService.Configuration()
        configuration.unknownSKU = settings.inventory.unknownSKU
        configuration.mode = settings.saga.mode
        let pool = ConnectionPool(context.database, size: 2, name: "stock", logger: logger)
        Observability.metrics.collectors.watch(pool, name: "stock")
        let stock = StockRoutes(database: pool, logger: logger)
        return try Assembly(
            parts: InventoryService(context, configuration: configuration).parts, addRoutes: { stock.add(to: &$0) })
    }

    private func saga() throws -> Assembly {
        let context = try context("saga", .saga)
        let pool = ConnectionPool(context.database, size: 2, name: "sagas", logger: logger)
        context.collectors.watch(pool, name: "sagas")
        let routes = SagaRoutes(
            try FulfilmentSaga.orchestrator(topics: context.topics, settings.saga.configuration), database: pool,
            logger: logger)
        return try Assembly(
            parts: SagaService(context, configuration: settings.saga.configuration).parts,
            addRoutes: { routes.add(to: &$0) })
    }

    private func context(_ name: String, _ database: ServiceDatabase) throws -> ServiceContext {
        var kafka = settings.kafka.configuration
        // For /metrics; whoever sets it otherwise knows why.
        if kafka.properties["statistics.interval.ms"] == nil { kafka.properties["statistics.interval.ms"] = "5000" }
        return ServiceContext(
            name: name, kafka: kafka, database: try self.database(database),
            topics: settings.topics.names, facts: try .standard(), health: health, collectors: Observability.metrics.collectors,
            logger: logger)
    }

    private func database(_ database: ServiceDatabase) throws -> PostgresConfiguration {
        var configuration = try settings.database(of: database)
        configuration.applicationName = role.applicationName
        return configuration
    }
}
