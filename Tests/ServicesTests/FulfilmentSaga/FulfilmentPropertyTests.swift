import Messaging
import Orders
import Randomness
import Testing

@testable import Fulfilment
@testable import OrderflowKit

/// Thousands of random schedules: whatever happens in whatever order, money, stock and shipment agree with how the order
/// ended, and it ends.
@Suite struct FulfilmentPropertyTests {
    @Test(arguments: [FulfilmentMode.orchestration, .choreography]) func everyScheduleEndsWell(_ mode: FulfilmentMode)
        throws
    {
        let generator = SeededGenerator.fromEnvironment("everyScheduleEndsWell \(mode.rawValue)")
        var seeds = generator
        var patience = FulfilmentSaga.Patience()
        patience.compensation.attentionAfter = 3
        let definition = try FulfilmentSaga.definition(of: .fulfilment, patience: patience)
        var ends: [String: Int] = [:]
        let rounds = TestTier.rounds(1500)
        // A test that saw few of these saw nothing.
        let many = TestTier.rounds(100)
        var wanted = ["completed": many, "compensated": many, "refunded": many / 2]
        if mode == .orchestration { wanted["compensated, resolved"] = max(many / 10, 2) }
        var number = 0
        while number < rounds || (number < 20 * rounds && wanted.contains { ends[$0, default: 0] <= $1 }) {
            number += 1
            var random = SeededGenerator(seed: seeds.next())
            let fate = Self.fate(mode, using: &random)
            var world = try SimulatedWorld(mode: mode, fate: fate, definition: definition)
            try Self.live(&world, using: &random)
            let settling = try Self.settle(&world)
            let problems = Self.problems(of: world)
            #expect(
                problems.isEmpty,
                "schedule \(number) of seed \(generator.seed) after \(settling) rounds, \(fate): \(problems) \(world.topics[0].map(\.body)) \(world.saga)"
            )
            if !problems.isEmpty { return }
            ends["\(world.saga.status.rawValue)\(world.resolved.isEmpty ? "" : ", resolved")", default: 0] += 1
            if world.gateway.refunds > 0 { ends["refunded", default: 0] += 1 }
        }
        print("\(mode.rawValue): \(ends.sorted { $0.key < $1.key })")
        for (end, least) in wanted { #expect(ends[end, default: 0] > least, "\(end)") }
    }

    private static func fate(_ mode: FulfilmentMode, using random: inout SeededGenerator) -> SimulatedWorld.Fate {
        func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
        var fate = SimulatedWorld.Fate()
        fate.soldOut = chance(12)
        fate.declined = chance(10)
        fate.unshippable = chance(5)
        fate.cancels = chance(3)
        fate.forgetsIDs = chance(2)
        if chance(4) { fate.refusals = Int.random(in: 1...12, using: &random) }
        if mode == .orchestration, chance(5) { fate.refusals = .max }
        return fate
    }

    /// Anything may happen.
    private static func live(_ world: inout SimulatedWorld, using random: inout SeededGenerator) throws {
        func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
        // Some worlds are busy, in others hours pass between two steps.
        let haste = [5, 50, 500].randomElement(using: &random) ?? 5
        for _ in 0..<Int.random(in: 20...250, using: &random) {
            let service = SimulatedWorld.Service.allCases.randomElement(using: &random) ?? .orders
            switch Int.random(in: 0..<10, using: &random) {
            case 0...3:
                _ = world.publish(service, again: chance(6) ? Int.random(in: 1...4, using: &random) : 0)
            case 4...6:
                let before = world
                for topic in SimulatedWorld.subscriptions(of: service, in: world.mode) {
                    _ = try world.consume(topic, by: service, limit: Int.random(in: 1...4, using: &random))
                }
                // A crash before the commit: nothing of it was.
                if chance(5) { world = before }
            case 7: _ = world.callGateway(losingTheAnswer: chance(4))
            case 8:
                if chance(haste) { world.now += Int64.random(in: 0...200_000_000, using: &random) }
                let before = world
                _ = try world.passDeadline()
                if chance(5) { world = before }
            default:
                if world.fate.cancels, !world.hasCancelled, chance(4) { world.cancelByCustomer() }
            }
        }
    }

    /// From here on nothing fails any more, and an operator looks after what needs attention. Returns the rounds it took.
    private static func settle(_ world: inout SimulatedWorld) throws -> Int {
        // A world's time to come to rest; no cases, so the fast tier has as many.
        for round in 0..<200 {
            var moved = false
            for service in SimulatedWorld.Service.allCases {
                while world.publish(service) { moved = true }
                for topic in SimulatedWorld.subscriptions(of: service, in: world.mode) {
                    while try world.consume(topic, by: service, limit: 100) > 0 { moved = true }
                }
            }
            if world.callGateway(losingTheAnswer: false) { moved = true }
            if try world.passDeadline() { moved = true }
            let refund = world.saga.steps.first { $0.id == "payment" }?.undo
            if world.fate.refusals == .max, let refund, refund.refusals >= 3,
                refund.progress == .requested || refund.progress == .refused
            {
                world.resolved.insert("payment")
                try world.moveSaga(
                    .resolve(step: "payment", note: "refunded by hand", by: "ann"))
                moved = true
            }
            if moved { continue }
            guard let due = world.saga.nextDeadline else { return round }
            world.now = max(world.now, due)
        }
        return 200
    }

    private static func problems(of world: SimulatedWorld) -> [String] {
        var problems: [String] = []
        func check(_ condition: Bool, _ problem: String) { if !condition { problems.append(problem) } }
        check(world.saga.attention == nil, "somebody has to look: \(world.saga.attention ?? "")")
        switch world.order?.status {
        case .confirmed:
            check(world.saga.status == .completed, "confirmed, but the saga is \(world.saga.status)")
            check(world.reservation?.status == .consumed, "confirmed without stock")
            check(world.stock.levels["ABC"] == .init(onHand: 8, consumed: 2), "confirmed, but \(world.stock)")
            check(world.gateway.charges == 1, "confirmed without a charge")
            check(world.gateway.refunds == 0, "confirmed and refunded")
            check(world.shipment?.status == .dispatched, "confirmed, but the shipment is \(world.shipment as Any)")
        case .cancelled:
            check(world.saga.status == .compensated, "cancelled, but the saga is \(world.saga.status)")
            check(
                world.stock.levels["ABC"] == .init(onHand: world.fate.soldOut ? 1 : 10), "cancelled, but \(world.stock)"
            )
            check(
                world.gateway.refunds == world.gateway.charges || !world.resolved.isEmpty,
                "cancelled with \(world.gateway.charges) charges and \(world.gateway.refunds) refunds")
            check(
                world.shipment?.status != .prepared && world.shipment?.status != .dispatched,
                "cancelled with a live shipment")
        default: problems.append("the order is stuck: \(world.order?.status.rawValue ?? "lost")")
        }
        return problems
    }
}
