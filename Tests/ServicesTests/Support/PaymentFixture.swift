import Execution
import Messaging
import Orders
import PaymentFacts
import Postgres
import TestServers

@testable import OrderflowKit
@testable import Payment

/// A payment database with handler, ledger and workers as a test wants them.
final class PaymentFixture {
    let database: PostgresConfiguration
    let connection: Connection
    let ledger: ConnectionPool
    let handler: PaymentHandler
    /// Where the handler leaves charges for the first worker.
    let desk = GatewayDesk()
    private var workers: [(StopSignal, DedicatedThread)] = []

    init(_ mode: FulfilmentMode = .orchestration) throws {
        database = try freshDatabase(ServiceDatabase.payment.migrations)
        connection = try Connection(database, logger: quiet)
        ledger = ConnectionPool(database, size: 4, name: "ledger", logger: quiet)
        handler = PaymentHandler(mode: mode, topic: "order-events", source: "/test", desk: desk)
    }

    deinit { stopWorkers() }

    /// The simulated gateway without its latency.
    func simulated(_ configure: (inout SimulatedGateway.Configuration) -> Void = { _ in }) -> SimulatedGateway {
        var configuration = SimulatedGateway.Configuration()
        configuration.latency = .zero
        configuration.hang = .milliseconds(20)
        configure(&configuration)
        return SimulatedGateway(configuration, ledger: ledger)
    }

    @discardableResult
    func startWorker(
        _ gateway: any PaymentGateway, breaker: CircuitBreaker = CircuitBreaker(name: "test", threshold: .max),
        desk: GatewayDesk? = nil,
        _ configure: (inout GatewayWorker.Configuration) -> Void = { _ in }
    ) -> GatewayWorker {
        var configuration = GatewayWorker.Configuration()
        configuration.retryBase = .milliseconds(2)
        configuration.retryCap = .milliseconds(20)
        configuration.poll = .milliseconds(10)
        configuration.pace = Ticking(every: .milliseconds(2))
        configure(&configuration)
        let worker = GatewayWorker(
            configuration, gateway: gateway, database: database, topic: "order-events", source: "/test",
            breaker: breaker, desk: desk ?? (workers.isEmpty ? self.desk : GatewayDesk()),
            logger: quiet)
        let stop = StopSignal()
        workers.append((stop, DedicatedThread.start("worker") { try? worker.run(until: stop) }))
        return worker
    }

    func tellWorkersToStop() { for (stop, _) in workers { stop.stop() } }

    /// As a kill would, as far as a test can: with a drain of zero nothing that is under way is stored any more.
    func stopWorkers() {
        tellWorkersToStop()
        for (_, thread) in workers { thread.join(timeout: .seconds(10)) }
        workers = []
    }

    // MARK: Messages

    static let amount = Money(minorUnits: 4_999, currency: .usd)

    func charge(_ order: String, token: String? = nil) -> InboundMessage {
        inbound(ProcessPayment(orderID: order, userID: "u", amount: Self.amount, paymentToken: token))
    }

    func undo(_ order: String) -> InboundMessage {
        inbound(RefundPayment(orderID: order, reason: "cancelled"))
    }

    @discardableResult
    func send(_ messages: InboundMessage...) throws -> [any OrderFact] { try handler.apply(messages, on: connection) }

    /// Waits until what is committed next is handed to the worker.
    func waitForTakers() throws {
        try eventually("the worker takes charges") {
            let (places, _) = self.desk.reserve(1)
            self.desk.free(places)
            return places == 1
        }
    }

    /// Makes charges until that many places are free: the line is as long as calls have been short, and the first may have
    /// been slow on a busy machine. Returns how many it took.
    @discardableResult
    func openLine(of places: Int) throws -> Int64 {
        try waitForTakers()
        var made: Int64 = 0
        try eventually("\(places) places are free") {
            made += 1
            try self.send(self.charge("first\(made)"))
            try self.wait(for: "first\(made)", .charged)
            let (free, _) = self.desk.reserve(places)
            self.desk.free(free)
            return free == places
        }
        return made
    }

    // MARK: What came of it

    func status(_ order: String) throws -> PaymentProcess.Status? {
        let key = OrderKey(tenant: "default", orderID: order)
        return try connection.transaction { try PaymentStore.load([key], on: $0)[key]?.process.status }
    }

    func wait(for order: String, _ status: PaymentProcess.Status) throws {
        try eventually("\(order) is \(status)") { try self.status(order) == status }
    }

    /// The types of the order's facts, in order.
    func facts(of order: String) throws -> [String] {
        try connection.outboxFacts().filter { $0.orderID == order }.map(\.type)
    }

    /// Charges or refunds that the gateway's ledger says were made.
    func made(_ operation: String) throws -> Int64 {
        try connection.number(
            "SELECT count(*) FROM gateway_ledger WHERE operation = $1 AND outcome = 'done'", [.text(operation)])
    }
}

/// A gateway that does what a test says.
struct ScriptedGateway: PaymentGateway {
    var onCharge: @Sendable (GatewayCharge) -> Result<String, GatewayError> = { _ in .success("c") }
    var onRefund: @Sendable (GatewayRefund) -> Result<String, GatewayError> = { _ in .success("r") }

    func charge(_ charge: GatewayCharge) throws(GatewayError) -> String { try onCharge(charge).get() }
    func refund(_ refund: GatewayRefund) throws(GatewayError) -> String { try onRefund(refund).get() }
}

extension SimulatedGateway {
    func result(_ charge: GatewayCharge) -> Result<String, GatewayError> {
        Result { () throws(GatewayError) in try self.charge(charge) }
    }

    func result(_ refund: GatewayRefund) -> Result<String, GatewayError> {
        Result { () throws(GatewayError) in try self.refund(refund) }
    }
}
