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
            // With a second place it would take the payment again itself, once its lease is over.
            $0.concurrency = 1
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
        // What is handed over has its token, too.
        try payments.waitForTakers()
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

    /// What a consumer commits is claimed with it and called without a look into the table, where nobody looks for an hour.
    @Test func committedChargesAreHandedOver() throws {
        let payments = try PaymentFixture()
        payments.startWorker(payments.simulated()) { $0.poll = .seconds(3600) }
        try payments.waitForTakers()
        try payments.send(payments.charge("1"), payments.charge("2"))
        try payments.wait(for: "1", .charged)
        try payments.wait(for: "2", .charged)
        #expect(try payments.facts(of: "1") == [PaymentProcessed.type])
        // A written and an ended row, and no claim in between.
        #expect(try payments.connection.number("SELECT sum(version)::bigint FROM payments") == 4)
        try payments.send(payments.undo("1"))
        try payments.wait(for: "1", .refunded)
        #expect(try payments.made("charge") == 2)
        #expect(try payments.made("refund") == 1)
    }

    /// What a transaction that is rolled back has claimed isn't called, and its place is free again.
    @Test func whatIsRolledBackIsNotCalled() throws {
        struct Boom: Error {}
        let payments = try PaymentFixture()
        payments.startWorker(payments.simulated()) {
            $0.poll = .seconds(3600)
            $0.concurrency = 1
        }
        try payments.waitForTakers()
        #expect(throws: Boom.self) {
            try payments.connection.transaction { connection in
                var outbox: [OutgoingEvent] = []
                try payments.handler.handle([payments.charge("1")], on: connection, outbox: &outbox)
                throw Boom()
            }
        }
        try payments.send(payments.charge("2"))
        try payments.wait(for: "2", .charged)
        #expect(try payments.status("1") == nil)
        #expect(try payments.connection.number("SELECT count(*) FROM gateway_ledger") == 1)
    }

    /// A process dies with a charge that it has claimed in its commit and not begun. Its lease ends, and another's worker
    /// makes the call.
    @Test func whatIsClaimedByTheDeadIsDueAgain() throws {
        let payments = try PaymentFixture()
        payments.desk.open(calls: 1, lease: .milliseconds(200))
        payments.desk.take(true)
        try payments.send(payments.charge("1"))
        #expect(try payments.connection.number("SELECT attempts::bigint FROM payments") == 1)
        payments.startWorker(payments.simulated(), desk: GatewayDesk())
        try payments.wait(for: "1", .charged)
        #expect(try payments.made("charge") == 1)
        #expect(try payments.facts(of: "1") == [PaymentProcessed.type])
    }

    /// However much is handed over, what the dead have left is looked for.
    @Test func whatTheDeadLeftIsFoundUnderTraffic() throws {
        let payments = try PaymentFixture()
        let dead = GatewayDesk()
        dead.open(calls: 1, lease: .milliseconds(1))
        dead.take(true)
        let handler = PaymentHandler(mode: .orchestration, topic: "order-events", source: "/test", desk: dead)
        try handler.apply([payments.charge("left")], on: payments.connection)
        payments.startWorker(payments.simulated(), desk: payments.desk) { $0.poll = .seconds(1) }
        var number = 0
        try eventually("it is charged") {
            number += 1
            try payments.send(payments.charge("\(number)"))
            return try payments.status("left") == .charged
        }
        #expect(try payments.made("charge") >= 1)
    }

    /// A look for what had no place needs as many as there are, and leaves the others to what is committed meanwhile.
    @Test func aLookTakesThePlacesThatItNeeds() {
        let desk = GatewayDesk()
        desk.open(calls: 4, lease: .seconds(1))
        desk.take(true)
        func next() -> GatewayDesk.Work {
            desk.next(settling: .now, claiming: .now, end: .now + .seconds(20))
        }
        #expect(desk.reserve(6).places == 4)
        desk.hand([], due: 2)
        #expect(desk.reserve(1).places == 0, "who waits in the table has come before")
        desk.hand([], due: 1)
        desk.free(4)
        #expect(desk.reserve(2).places == 1, "three of four places are for what waits")
        desk.free(1)
        var work = next()
        #expect(work.mayBeDue && work.due == 3)
        #expect(desk.occupy(3) == 3 && desk.reserve(2).places == 1)
        // Another look may be for any number.
        desk.hand([], due: 1)
        desk.noteMore()
        desk.free(1)
        #expect(desk.reserve(1).places == 0, "nobody knows how much waits")
        work = next()
        #expect(work.mayBeDue && work.due == nil)
        desk.hand([], due: 1)
        work = next()
        #expect(work.mayBeDue && work.due == 1)
    }

    /// Where express orders come, ordinary ones leave them some places, but never all.
    @Test func someOfThePlacesAreKeptForExpressOrders() {
        let desk = GatewayDesk()
        desk.open(calls: 16, lease: .seconds(1))
        desk.take(true)
        #expect(desk.reserve(20).places == 16)
        desk.free(16)
        #expect(desk.reserve(1, areExpress: true).places == 1)
        #expect(desk.reserve(20).places == 13)
        #expect(desk.occupy(4) == 0 && desk.reserve(1).places == 0)
        #expect(desk.reserve(4, areExpress: true).places == 2)
        desk.hand([], due: 2, areExpress: true)
        desk.free(1)
        #expect(desk.occupy(3) == 1, "an express one that had none takes any place")
        desk.free(2)
        #expect(desk.occupy(3) == 0)

        let small = GatewayDesk()
        small.open(calls: 1, lease: .seconds(1))
        small.take(true)
        #expect(small.reserve(1, areExpress: true).places == 1)
        small.free(1)
        #expect(small.reserve(1).places == 1)
    }

    /// A call of a payment that is claimed for a while.
    private func job(
        _ order: String, _ priority: Priority = .ordinary, begins: Duration = .seconds(20)
    ) -> GatewayCalls.Job {
        let terms = PaymentProcess.Terms(userID: "u", amount: PaymentFixture.amount, paymentToken: nil)
        return GatewayCalls.Job(
            key: OrderKey(tenant: "default", orderID: order), call: .charge(terms),
            claimed: PaymentStore.Entry(
                process: PaymentProcess(status: .charging, terms: terms),
                cause: PaymentStore.Cause(correlationID: "c", causationID: "m", priority: priority),
                heard: HeardMessages()),
            lease: GatewayCalls.Lease(end: .now + .seconds(20), begins: .now + begins))
    }

    /// Express calls first, the others as they have come, as many as may be made at once.
    @Test func aLineBeginsWithExpressCalls() {
        var line = CallLine(limit: 3)
        let now = ContinuousClock.now
        for order in ["1", "2", "3", "4"] { line.append(job(order), at: now) }
        func next(at now: ContinuousClock.Instant) -> String? { line.next(at: now)?.key.orderID }
        #expect(next(at: now) == "1")
        line.append(job("5", .express), at: now)
        #expect(next(at: now) == "5")
        #expect(next(at: now) == nil, "one in eight is kept where express ones come")
        line.append(job("6", .express), at: now)
        #expect(next(at: now) == "6" && next(at: now) == nil)
        line.ended()
        line.ended()
        #expect(next(at: now) == "2" && next(at: now) == nil)
        #expect(next(at: now + UrgencyAlert.span) == "3")
        #expect(line.close().map(\.key.orderID) == ["4"])
        line.ended()
        #expect(next(at: now) == nil && line.close().isEmpty)
        var single = CallLine(limit: 1)
        single.append(job("7", .express), at: now)
        single.append(job("8"), at: now)
        #expect(single.next(at: now) != nil)
        single.ended()
        #expect(single.next(at: now)?.key.orderID == "8")
    }

    /// The line has what begins within its span, whatever calls take.
    @Test func aLineIsAsLongAsCallsAreShort() {
        var times = CallTimes()
        #expect(times.line(behind: 16) == 0, "nobody knows yet")
        times.note(.milliseconds(20))
        #expect(times.line(behind: 16) == 200)
        #expect(times.line(behind: 256) == CallTimes.longest)
        for _ in 0..<1_000 { times.note(.seconds(5)) }
        #expect(times.line(behind: 16) == 0)
        for _ in 0..<1_000 { times.note(.zero) }
        #expect(times.line(behind: 1) == 250)
        for _ in 0..<1_000 { times.note(.seconds(1 << 40)) }
        #expect(times.line(behind: 256) == 0)
    }

    /// Who is in the line keeps its place when the line gets shorter, and nobody comes in until there is room.
    @Test func aShorterLineTakesNobody() {
        let desk = GatewayDesk()
        desk.open(calls: 2, lease: .seconds(1))
        desk.take(true)
        #expect(desk.reserve(3).places == 2)
        desk.ended(job("1"), .settled(.done(reference: "a")), in: .milliseconds(100))
        #expect(desk.reserve(20).places == 6, "2 × 250 / 100 in line")
        // Seven have a place, and only two would get one now.
        for number in 0..<5 {
            desk.ended(job("\(number)"), .settled(.done(reference: "a")), in: .seconds(1_000))
            #expect(desk.reserve(1).places == 0 && desk.occupy(1) == 0)
        }
        desk.ended(job("5"), .settled(.done(reference: "a")), in: .seconds(1_000))
        #expect(desk.reserve(20).places == 1)
    }

    /// What is handed over with short calls is claimed as a whole, and none of it needs a look into the table.
    @Test func aCommitFillsTheLine() throws {
        let payments = try PaymentFixture()
        payments.startWorker(payments.simulated { $0.latency = .milliseconds(1) }) {
            $0.concurrency = 2
            $0.poll = .seconds(3600)
        }
        let before = try payments.openLine(of: 20)
        let orders = (0..<20).map { "\($0)" }
        try payments.handler.apply(orders.map { payments.charge($0) }, on: payments.connection)
        #expect(
            try payments.connection.number(
                "SELECT count(*) FROM payments WHERE attempts = 0 AND status = 'charging'") == 0, "all were claimed")
        for order in orders { try payments.wait(for: order, .charged) }
        #expect(try payments.made("charge") == before + 20)
        #expect(try payments.connection.number("SELECT sum(version)::bigint FROM payments") == 2 * (before + 20))
    }

    /// Who has waited in line for too long is given back, and called in its turn. Its attempt isn't counted.
    @Test func whoWaitsTooLongInLineIsGivenBack() throws {
        let payments = try PaymentFixture()
        let isSlow = Monitor(false)
        let simulated = payments.simulated()
        let gateway = ScriptedGateway(onCharge: { charge in
            if charge.orderID == "1" {
                isSlow.update { $0 = true }
                _ = isSlow.wait(for: .seconds(20)) { $0 ? nil : true }
            }
            return simulated.result(charge)
        })
        payments.startWorker(gateway) {
            $0.concurrency = 1
            $0.patience = .milliseconds(20)
        }
        let before = try payments.openLine(of: 2)
        try payments.send(payments.charge("1"), payments.charge("2"))
        #expect(isSlow.wait(for: .seconds(20)) { $0 ? true : nil } == true)
        #expect(try payments.connection.number("SELECT sum(attempts)::bigint FROM payments") == 2)
        // Longer than its patience: a clock that doesn't stand still.
        try eventually("its time in line is over") {
            try payments.connection.number(
                "SELECT count(*) FROM payments WHERE order_id = '2' AND updated_at < now() - interval '40 ms'") == 1
        }
        isSlow.update { $0 = false }
        try payments.wait(for: "2", .charged)
        #expect(try payments.made("charge") == before + 2)
        #expect(
            try payments.connection.number(
                "SELECT count(*) FROM payments WHERE order_id = '2' AND last_error LIKE 'not asked%'") == 1)
    }

    /// The answer about an express order is stored at once, and those that are there with it.
    @Test func anExpressAnswerWaitsForNoOthers() {
        let desk = GatewayDesk()
        desk.open(calls: 16, lease: .seconds(1))
        let never = ContinuousClock.now + .seconds(3_600)
        desk.ended(job("1", .ordinary), .settled(.done(reference: "a")))
        #expect(desk.next(settling: never, claiming: never, end: .now).ended.isEmpty)
        desk.ended(job("2", .express), .settled(.done(reference: "b")))
        #expect(desk.next(settling: never, claiming: never, end: never).ended.map(\.0.key.orderID) == ["1", "2"])
        desk.ended(job("3", .ordinary), .settled(.done(reference: "c")))
        #expect(desk.next(settling: never, claiming: never, end: .now).ended.isEmpty)
    }

    /// The first of several answers waits for the others a moment, but for no express one.
    @Test func answersOfABunchAreTakenTogether() {
        let desk = GatewayDesk()
        desk.open(calls: 16, lease: .seconds(1))
        let never = ContinuousClock.now + .seconds(3_600)
        func next(gathering: Duration, until end: ContinuousClock.Instant) -> [String] {
            desk.next(settling: .now, gathering: gathering, claiming: never, end: end).ended.map(\.0.key.orderID)
        }
        desk.ended(job("1"), .settled(.done(reference: "a")))
        #expect(next(gathering: .seconds(3_600), until: .now).isEmpty)
        desk.ended(job("2"), .settled(.done(reference: "b")))
        #expect(next(gathering: .milliseconds(1), until: never) == ["1", "2"])
        desk.ended(job("3"), .settled(.done(reference: "c")))
        desk.ended(job("4", .express), .settled(.done(reference: "d")))
        #expect(next(gathering: .seconds(3_600), until: never) == ["3", "4"])
        desk.ended(job("5"), .settled(.done(reference: "e")))
        #expect(next(gathering: .zero, until: never) == ["5"])
    }

    /// Of what had no place it is known how much it is, whatever else has come beside it or hasn't.
    @Test func aLookIsForAsManyAsAreKnownToWait() {
        func work(due: Int?) -> GatewayDesk.Work {
            var work = GatewayDesk.Work()
            (work.mayBeDue, work.due) = (true, due)
            return work
        }
        var times = GatewayTimes(poll: .seconds(3_600), pace: Ticking(every: .zero))
        #expect(times.looks && times.due == nil, "a new worker knows of nothing")
        (times.looks, times.due, times.claimed) = (false, 0, .now)
        times.note(work(due: 3))
        #expect(times.looks && times.due == 3)
        times.note(work(due: 2))
        #expect(times.due == 5)
        times.note(work(due: nil))
        #expect(times.looks && times.due == nil)
        (times.looks, times.due) = (false, 0)
        times.look()
        #expect(times.looks && times.due == nil)
        (times.looks, times.due) = (false, 0)
        times.note(GatewayDesk.Work())
        #expect(times.looks && times.due == nil, "a quiet while is for what others have left")
    }

    /// A worker that stops gives back what is handed to it and not begun: nobody waits for its lease.
    @Test func whatIsNotBegunIsGivenBack() throws {
        let payments = try PaymentFixture()
        let release = StopSignal()
        defer { release.stop() }
        let asked = Monitor<[String]>([])
        let gateway = ScriptedGateway(onCharge: { charge in
            asked.update { $0.append(charge.orderID) }
            release.wait(for: nil)
            return .success("c")
        })
        payments.startWorker(gateway) {
            $0.lease = .seconds(3600)
            $0.poll = .seconds(3600)
            $0.drain = .seconds(60)
        }
        try payments.waitForTakers()
        try payments.send(payments.charge("1"))
        #expect(asked.wait(for: .seconds(20)) { $0.isEmpty ? nil : true } == true)
        try payments.connection.transaction { connection in
            var outbox: [OutgoingEvent] = []
            try payments.handler.handle([payments.charge("2")], on: connection, outbox: &outbox)
            payments.tellWorkersToStop()
        }
        try eventually("the second charge is due") {
            try payments.connection.number(
                "SELECT count(*) FROM payments WHERE order_id = '2' AND attempts = 0 AND due_at <= now()") == 1
        }
        release.stop()
        payments.stopWorkers()
        #expect(try payments.status("1") == .charged)
        #expect(asked.withLock { $0 } == ["1"])
    }

    /// A worker that stops gives back who waits in line.
    @Test func whoIsInLineIsGivenBack() throws {
        let payments = try PaymentFixture()
        let release = StopSignal()
        defer { release.stop() }
        let asked = Monitor<[String]>([])
        let gateway = ScriptedGateway(onCharge: { charge in
            asked.update { $0.append(charge.orderID) }
            if !charge.orderID.hasPrefix("first") { release.wait(for: nil) }
            return .success("c")
        })
        payments.startWorker(gateway) {
            $0.concurrency = 1
            $0.lease = .seconds(3600)
            $0.poll = .seconds(3600)
            $0.drain = .seconds(60)
        }
        let before = try Int(payments.openLine(of: 2))
        try payments.send(payments.charge("1"), payments.charge("2"))
        #expect(asked.wait(for: .seconds(20)) { $0.count == before + 1 ? true : nil } == true)
        payments.tellWorkersToStop()
        try eventually("the one in line is due") {
            try payments.connection.number("SELECT count(*) FROM payments WHERE attempts = 0 AND due_at <= now()") == 1
        }
        release.stop()
        payments.stopWorkers()
        #expect(asked.withLock { $0.count } == before + 1)
        let charged = try payments.connection.number("SELECT count(*) FROM payments WHERE status = 'charged'")
        #expect(charged == Int64(before) + 1)
    }

    /// More than there are places for at once, handed over and waiting in the table: all are called, the oldest first.
    @Test func whatHasNoPlaceWaitsItsTurn() throws {
        let payments = try PaymentFixture()
        payments.startWorker(payments.simulated { $0.latency = .milliseconds(1) }) {
            $0.concurrency = 3
            $0.poll = .seconds(3600)
        }
        try payments.waitForTakers()
        for order in 0..<30 {
            try payments.send(payments.charge("\(order)"), payments.charge("\(order)b"))
        }
        for order in 0..<30 {
            try payments.wait(for: "\(order)", .charged)
            try payments.wait(for: "\(order)b", .charged)
        }
        #expect(try payments.made("charge") == 60)
        #expect(try payments.connection.outboxFacts().count == 60)
    }

    /// A refund of a charge that the ledger of before has: its reference isn't made of its key.
    @Test func chargesOfBeforeAreRefunded() throws {
        let payments = try PaymentFixture()
        payments.startWorker(payments.simulated())
        try payments.send(payments.charge("1"))
        try payments.wait(for: "1", .charged)
        try payments.connection.script(
            """
            UPDATE gateway_ledger SET reference = 'ch_of_before';
            UPDATE payments SET charge_reference = 'ch_of_before';
            """)
        try payments.send(payments.undo("1"))
        try payments.wait(for: "1", .refunded)
        #expect(try payments.made("refund") == 1)
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
