import Execution
import Messaging
import OrderflowKit
import Orders
import Postgres

/// Payment: charges an order once, and gives the money back once where the order comes to nothing.
///
///     orchestration     choreography
///                       OrderCreated     (the terms are remembered)
///     ProcessPayment    StockReserved    ─> the gateway ─> PaymentProcessed | PaymentFailed
///     RefundPayment     OrderCancelled   ─> the gateway ─> PaymentRefunded | PaymentRefundFailed
///                                        └> PaymentVoided, where nothing was charged
///
/// A refund that the gateway refuses is tried again when the saga asks again; without a saga, by itself.
public struct PaymentService: Sendable {
    public struct Configuration: Sendable {
        public enum Gateway: Sendable {
            case simulated(SimulatedGateway.Configuration)
            case http(HTTPGateway.Configuration)
        }

        public var gateway: Gateway
        public var mode = FulfilmentMode.orchestration
        /// Calls of the gateway at once.
        public var concurrency = 16
        /// What one call takes at most; a payment whose worker died is taken over soon after.
        public var timeout: Duration = .seconds(5)
        /// Longest pause between tries of a call.
        public var retryCap: Duration = .seconds(10)

        public init(gateway: Gateway) { self.gateway = gateway }
    }

    /// Connections of the simulated gateway to its ledger.
    private static let ledgerConnections = 4
    /// What a lease has beyond the call itself: for the commit of its outcome, on a busy machine.
    private static let leaseMargin: Duration = .seconds(5)

    private let service: ReactingService
    private let worker: GatewayWorker

    public init(_ context: ServiceContext, configuration: Configuration) throws {
        let topics = context.topics
        let wakeWorker = Relayed()
        service = try ReactingService(
            context,
            consumer: ConsumerRunner.Configuration(
                group: ConsumerGroup.payment,
                topics: configuration.mode == .orchestration ? [topics.paymentCommands] : [topics.orderEvents]),
            handler: PaymentHandler(mode: configuration.mode, topic: topics.orderEvents, source: context.source),
            backlog: PaymentStore.backlog, onCommit: { wakeWorker.call() })
        let relay = service.relay
        let gateway: any PaymentGateway =
            switch configuration.gateway {
            case .simulated(let simulated):
                SimulatedGateway(simulated, ledger: Self.ledger(context))
            case .http(let http): HTTPGateway(http)
            }
        var work = GatewayWorker.Configuration()
        work.concurrency = configuration.concurrency
        work.lease = configuration.timeout + Self.leaseMargin
        work.retryCap = configuration.retryCap
        work.retriesRefusedRefunds = configuration.mode == .choreography
        let breaker = CircuitBreaker(
            name: "gateway",
            onChange: { [logger = context.logger] state in
                logger.notice("circuit breaker", metadata: ["name": "gateway", "state": "\(state.rawValue)"])
            })
        context.collectors.watch(breaker)
        worker = GatewayWorker(
            work, gateway: gateway, database: context.database, topic: topics.orderEvents, source: context.source,
            breaker: breaker, logger: context.logger, onCommit: { relay.wake() })
        wakeWorker.set { [worker] in worker.wake() }
        context.health.register("gateway") {
            breaker.state == .open ? .notReady("the payment gateway can't be reached") : .ready
        }
    }

    private static func ledger(_ context: ServiceContext) -> ConnectionPool {
        let pool = ConnectionPool(context.database, size: ledgerConnections, name: "ledger", logger: context.logger)
        context.collectors.watch(pool, name: "ledger")
        return pool
    }

    public var parts: [ThreadGroup.Part] {
        service.parts + [ThreadGroup.Part("gateway") { [worker] in try worker.run(until: $0) }]
    }
}
