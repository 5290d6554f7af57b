import Execution
import OrderflowKit
import Postgres

extension GatewayWorker {
    /// Connections of the simulated gateway to its ledger.
    private static let ledgerConnections = 4
    /// What a lease has beyond the call itself: for the commit of its outcome, on a busy machine.
    private static let leaseMargin: Duration = .seconds(5)

    /// The worker of a payment process, with the gateway that the settings name.
    static func running(_ context: ServiceContext) throws -> Running {
        let payment = context.settings[PaymentSettings.self]
        var work = Configuration()
        work.concurrency = payment.concurrency
        work.lease = payment.timeout + leaseMargin
        work.retryCap = payment.retryCap
        work.pace = context.settings.pace.following
        work.retriesRefusedRefunds = context.settings.mode == .choreography
        let breaker = CircuitBreaker(
            name: "gateway",
            onChange: { [logger = context.logger] state in
                logger.warning("circuit_changed", metadata: ["circuit": "gateway", "state": "\(state.rawValue)"])
            })
        context.collectors.watch(breaker)
        let worker = GatewayWorker(
            work, gateway: gateway(payment, context), database: context.database, topic: context.topics.orderEvents,
            source: context.source, breaker: breaker, desk: context.shared(GatewayDesk()), logger: context.logger,
            onCommit: { context.wakeRelays(isExpress: $0) })
        context.health.register("gateway") {
            breaker.state == .open ? .notReady("the payment gateway can't be reached") : .ready
        }
        return Running(
            parts: [ThreadGroup.Part("gateway") { try worker.run(until: $0) }], backlog: PaymentStore.backlog)
    }

    private static func gateway(_ payment: PaymentSettings, _ context: ServiceContext) -> any PaymentGateway {
        if payment.gateway == .http, let url = payment.gatewayURL {
            var http = HTTPGateway.Configuration(url: url)
            http.token = payment.gatewayToken
            http.timeout = payment.timeout
            http.connections = payment.concurrency
            return HTTPGateway(http)
        }
        var simulated = SimulatedGateway.Configuration()
        simulated.latency = payment.simulatorLatency
        simulated.failureRate = payment.simulatorFailureRate
        simulated.hang = payment.timeout
        let ledger = ConnectionPool(context.database, size: ledgerConnections, name: "ledger", logger: context.logger)
        context.collectors.watch(ledger, name: "ledger")
        return SimulatedGateway(simulated, ledger: ledger)
    }
}
