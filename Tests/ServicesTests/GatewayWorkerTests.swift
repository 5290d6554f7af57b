import Execution
import Messaging
import Orders
import PaymentFacts
import Postgres
import TestServers
import Testing

@testable import OrderflowKit
@testable import Payment

@Suite(.serialized, .servers) struct GatewayWorkerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let token: String?
        let status: PaymentProcess.Status
        let calls: Int64
        var testDescription: String { token ?? "no token" }
    }

    static let tokens = [
        Case(token: nil, status: .charged, calls: 1), Case(token: "tok_declined", status: .declined, calls: 1),
        Case(token: "tok_error", status: .charged, calls: 4), Case(token: "tok_timeout", status: .charged, calls: 2),
        Case(token: "tok_hang", status: .charged, calls: 2),
    ]

    @Test(arguments: tokens) func tokenDecides(_ item: Case) throws {
        let payments = try PaymentFixture()
        try payments.send(payments.charge("1", token: item.token))
        payments.startWorker(payments.simulated())
        try payments.wait(for: "1", item.status)
        #expect(
            try payments.facts(of: "1") == [
                item.status == .charged ? PaymentProcessed.type : PaymentFailed.type
            ])
        #expect(try payments.made("charge") == (item.status == .charged ? 1 : 0))
        #expect(try payments.connection.number("SELECT sum(calls)::bigint FROM gateway_ledger") == item.calls)
    }

    /// Two workers, a gateway that loses every third answer, and everything asked for twice.
    @Test func twoWorkersChargeAndRefundOnce() throws {
        let payments = try PaymentFixture()
        let orders = (0..<40).map { "\($0)" }
        for _ in 0..<2 {
            payments.startWorker(payments.simulated { $0.failureRate = 0.3 }) { $0.concurrency = 4 }
        }
        for order in orders { try payments.send(payments.charge(order), payments.charge(order)) }
        for order in orders { try payments.wait(for: order, .charged) }
        #expect(try payments.made("charge") == 40)
        for order in orders.prefix(20) { try payments.send(payments.undo(order), payments.undo(order)) }
        for order in orders.prefix(20) { try payments.wait(for: order, .refunded) }
        #expect(try payments.made("charge") == 40)
        #expect(try payments.made("refund") == 20)
        #expect(try payments.facts(of: "0") == [PaymentProcessed.type, PaymentRefunded.type])
        #expect(try payments.facts(of: "39") == [PaymentProcessed.type])
    }

    /// A worker dies after the gateway has charged and before it could say so. The next one asks with the same key.
    @Test func crashBetweenCallAndCommit() throws {
        let payments = try PaymentFixture()
        try payments.send(payments.charge("1"))
        let charged = Monitor(false)
        let release = StopSignal()
        defer { release.stop() }
        let simulated = payments.simulated()
        payments.startWorker(
            ScriptedGateway(onCharge: { charge in
                let answer = simulated.result(charge)
                charged.update { $0 = true }
                release.wait(for: nil)
                return answer
            })
        ) {
            $0.lease = .milliseconds(100)
            $0.drain = .zero
        }
        #expect(charged.wait(for: .seconds(20)) { $0 ? true : nil } == true)
        payments.stopWorkers()
        #expect(try payments.status("1") == .charging)
        #expect(try payments.facts(of: "1").isEmpty)

        payments.startWorker(simulated)
        try payments.wait(for: "1", .charged)
        #expect(try payments.facts(of: "1") == [PaymentProcessed.type])
        #expect(try payments.made("charge") == 1)
        #expect(try payments.connection.number("SELECT sum(calls)::bigint FROM gateway_ledger") == 2)
    }

    /// A lease that is too short: two workers ask at the same time, and the outcome is told once.
    @Test func overlappingLeasesTellOnce() throws {
        let payments = try PaymentFixture()
        try payments.send(payments.charge("1"))
        let calls = Monitor(0)
        let release = StopSignal()
        let simulated = payments.simulated()
        let gateway = ScriptedGateway(onCharge: { charge in
            calls.update { $0 += 1 }
            release.wait(for: nil)
            return simulated.result(charge)
        })
        for _ in 0..<2 { payments.startWorker(gateway) { $0.lease = .milliseconds(50) } }
        #expect(calls.wait(for: .seconds(20)) { $0 >= 2 ? true : nil } == true)
        release.stop()
        try payments.wait(for: "1", .charged)
        payments.stopWorkers()
        #expect(try payments.facts(of: "1") == [PaymentProcessed.type])
        #expect(try payments.made("charge") == 1)
    }

    @Test(arguments: [true, false]) func undoInFlightWaitsForTheOutcome(isCharged: Bool) throws {
        let payments = try PaymentFixture()
        try payments.send(payments.charge("1"))
        let asked = Monitor(false)
        let release = StopSignal()
        defer { release.stop() }
        let simulated = payments.simulated()
        payments.startWorker(
            ScriptedGateway(
                onCharge: { charge in
                    asked.update { $0 = true }
                    release.wait(for: nil)
                    return isCharged ? simulated.result(charge) : .failure(.declined("no"))
                }, onRefund: { simulated.result($0) }))
        #expect(asked.wait(for: .seconds(20)) { $0 ? true : nil } == true)
        #expect(try payments.send(payments.undo("1"), payments.undo("1")).isEmpty)
        #expect(try payments.status("1") == .undoing)
        release.stop()
        try payments.wait(for: "1", isCharged ? .refunded : .declined)
        #expect(
            try payments.facts(of: "1")
                == (isCharged
                    ? [PaymentProcessed.type, PaymentRefunded.type]
                    : [PaymentFailed.type, PaymentVoided.type]))
        #expect(try payments.made("charge") == (isCharged ? 1 : 0))
        #expect(try payments.made("refund") == (isCharged ? 1 : 0))
    }

    /// With a saga: refused is answered, and only the next command tries again.
    @Test func refusedRefundWaitsForTheNextCommand() throws {
        let payments = try PaymentFixture()
        payments.startWorker(payments.simulated())
        try payments.send(payments.charge("1", token: "tok_refund_flaky"))
        try payments.wait(for: "1", .charged)
        for round in 1...10 {
            try payments.send(payments.undo("1"))
            try eventually("refund \(round) is refused") {
                try payments.facts(of: "1").count { $0 == PaymentRefundFailed.type } == round
            }
            #expect(try payments.status("1") == .refundRefused)
        }
        try payments.send(payments.undo("1"))
        try payments.wait(for: "1", .refunded)
        #expect(try payments.made("refund") == 1)
    }

    /// Without one: by itself.
    @Test func refusedRefundIsTriedAgainInChoreography() throws {
        let payments = try PaymentFixture()
        payments.startWorker(payments.simulated()) { $0.retriesRefusedRefunds = true }
        try payments.send(payments.charge("1", token: "tok_refund_flaky"))
        try payments.wait(for: "1", .charged)
        try payments.send(payments.undo("1"))
        try payments.wait(for: "1", .refunded)
        #expect(try payments.facts(of: "1").count { $0 == PaymentRefundFailed.type } == 10)
        #expect(try payments.made("refund") == 1)
    }

    /// However long the gateway is away, nobody is told that a payment has failed.
    @Test func outageOpensTheBreakerAndFailsNobody() throws {
        let payments = try PaymentFixture()
        let isUp = Monitor(false)
        let opened = Monitor(false)
        let breaker = CircuitBreaker(name: "test", threshold: 3, cooldown: .milliseconds(30)) { state in
            if state == .open { opened.update { $0 = true } }
        }
        let simulated = payments.simulated()
        payments.startWorker(
            ScriptedGateway(onCharge: { charge in
                isUp.withLock { $0 } ? simulated.result(charge) : .failure(.unavailable("down"))
            }), breaker: breaker
        ) { $0.concurrency = 4 }
        for order in 0..<8 { try payments.send(payments.charge("\(order)")) }
        #expect(opened.wait(for: .seconds(20)) { $0 ? true : nil } == true)
        #expect(try payments.connection.outboxFacts().isEmpty)
        isUp.update { $0 = true }
        for order in 0..<8 { try payments.wait(for: "\(order)", .charged) }
        #expect(try payments.made("charge") == 8)
        #expect(breaker.state == .closed)
    }

    @Test func noMoreCallsAtOnceThanAllowed() throws {
        struct Load { var now = 0, most = 0 }
        let payments = try PaymentFixture()
        let load = Monitor(Load())
        let gateway = ScriptedGateway(onCharge: { charge in
            load.update {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            // Stays until the house is full, or has been.
            _ = load.wait(for: .seconds(10)) { $0.most >= 3 ? true : nil }
            load.update { $0.now -= 1 }
            return .success("c" + charge.orderID)
        })
        payments.startWorker(gateway) { $0.concurrency = 3 }
        for order in 0..<20 { try payments.send(payments.charge("\(order)")) }
        for order in 0..<20 { try payments.wait(for: "\(order)", .charged) }
        #expect(load.withLock { $0.most } == 3)
    }
}
