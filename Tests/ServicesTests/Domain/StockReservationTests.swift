import Orders
import Randomness
import Testing

@testable import Inventory

@Suite struct StockReservationTests {
    private static let items = [OrderLine(sku: "A", quantity: 2), OrderLine(sku: "B", quantity: 1)]

    /// One request, and what must come of it.
    struct Step: Sendable {
        let request: StockReservation.Request
        let answer: StockReservation.Answer?
        /// Reserved and on hand of A afterwards.
        let reserved: Int64
        let onHand: Int64

        init(
            _ request: StockReservation.Request, _ answer: StockReservation.Answer?, reserved: Int64, onHand: Int64 = 5
        ) {
            self.request = request
            self.answer = answer
            self.reserved = reserved
            self.onHand = onHand
        }
    }

    struct Story: Sendable, CustomTestStringConvertible {
        let name: String
        let steps: [Step]
        var testDescription: String { name }
    }

    private static let tooMany = [OrderLine(sku: "B", quantity: 1), OrderLine(sku: "A", quantity: 6)]
    private static let shortage = StockReservation.Answer.rejected(
        reason: "6 of A asked for, 5 available", sku: "A")

    static let stories = [
        Story(
            name: "reserve, asked twice",
            steps: [
                Step(.reserve(items), .reserved(items: items), reserved: 2),
                Step(.reserve(items), .reserved(items: items), reserved: 2),
            ]),
        Story(
            name: "release, asked twice",
            steps: [
                Step(.reserve(items), .reserved(items: items), reserved: 2),
                Step(.release, .released(items: items), reserved: 0),
                Step(.release, .released(items: items), reserved: 0),
            ]),
        Story(
            name: "all or nothing, and a release has nothing to undo",
            steps: [
                Step(.reserve(tooMany), shortage, reserved: 0),
                Step(.reserve(tooMany), shortage, reserved: 0),
                Step(.release, .released(items: []), reserved: 0),
                Step(.reserve(items), shortage, reserved: 0),
            ]),
        Story(
            name: "undo before do leaves a tombstone",
            steps: [
                Step(.release, .released(items: []), reserved: 0),
                Step(
                    .reserve(items), .rejected(reason: StockReservation.releasedReason, sku: nil), reserved: 0),
                Step(.release, .released(items: []), reserved: 0),
            ]),
        Story(
            name: "do after undo is refused",
            steps: [
                Step(.reserve(items), .reserved(items: items), reserved: 2),
                Step(.release, .released(items: items), reserved: 0),
                Step(
                    .reserve(items), .rejected(reason: StockReservation.releasedReason, sku: nil), reserved: 0),
            ]),
        Story(
            name: "confirmed goods leave once and don't come back",
            steps: [
                Step(.reserve(items), .reserved(items: items), reserved: 2),
                Step(.consume, nil, reserved: 0, onHand: 3),
                Step(.consume, nil, reserved: 0, onHand: 3),
                Step(.release, .released(items: []), reserved: 0, onHand: 3),
                Step(.reserve(items), .reserved(items: items), reserved: 0, onHand: 3),
            ]),
        Story(
            name: "confirmed without a reservation",
            steps: [
                Step(.consume, nil, reserved: 0),
                Step(.reserve(items), .reserved(items: items), reserved: 2),
            ]),
        Story(
            name: "lines of one article count together",
            steps: [
                Step(
                    .reserve([OrderLine(sku: "A", quantity: 3), OrderLine(sku: "A", quantity: 3)]), shortage,
                    reserved: 0)
            ]),
    ]

    @Test(arguments: stories) func story(_ story: Story) throws {
        var stock = StockLevels(
            ["A": .init(onHand: 5), "B": .init(onHand: 5)], unknownSKU: .reject)
        var reservation: StockReservation?
        for (index, step) in story.steps.enumerated() {
            let reaction = try StockReservation.react(to: step.request, reservation, stock: &stock)
            reservation = reaction.reservation ?? reservation
            #expect(reaction.answer == step.answer, "step \(index)")
            #expect(stock.levels["A"]?.reserved == step.reserved, "step \(index)")
            #expect(stock.levels["A"]?.onHand == step.onHand, "step \(index)")
        }
    }

    @Test func unknownArticlesAreUnlimitedOrRefused() throws {
        let wish = StockReservation.Request.reserve([OrderLine(sku: "X", quantity: 1_000_000)])
        var unlimited = StockLevels([:], unknownSKU: .unlimited)
        let taken = try StockReservation.react(to: wish, nil, stock: &unlimited)
        #expect(taken.reservation?.lines.map(\.isCounted) == [false])
        #expect(unlimited.changed.isEmpty)

        var strict = StockLevels([:], unknownSKU: .reject)
        let refused = try StockReservation.react(to: wish, nil, stock: &strict)
        #expect(refused.answer == .rejected(reason: "X is not stocked", sku: "X"))
    }

    /// What was unlimited when it was promised isn't given back to a level that was set later.
    @Test func levelSetMeanwhileGetsNothingBack() throws {
        var unlimited = StockLevels([:], unknownSKU: .unlimited)
        let taken = try StockReservation.react(
            to: .reserve([OrderLine(sku: "X", quantity: 3)]), nil, stock: &unlimited)
        var counted = StockLevels(["X": .init(onHand: 7, reserved: 1)], unknownSKU: .unlimited)
        let released = try StockReservation.react(to: .release, taken.reservation, stock: &counted)
        #expect(released.answer == .released(items: [OrderLine(sku: "X", quantity: 3)]))
        #expect(counted.levels["X"] == .init(onHand: 7, reserved: 1))
    }

    @Test func lostLevelIsAnErrorNotALoss() throws {
        var full = StockLevels(["X": .init(onHand: 7)], unknownSKU: .reject)
        let taken = try StockReservation.react(to: .reserve([OrderLine(sku: "X", quantity: 3)]), nil, stock: &full)
        var empty = StockLevels([:], unknownSKU: .reject)
        #expect(throws: StockLevels.LevelMissing(sku: "X")) {
            try StockReservation.react(to: .release, taken.reservation, stock: &empty)
        }
    }

    /// Any sequence of requests of many orders: pieces are neither made nor lost.
    @Test func stockIsConserved() throws {
        var random = SeededGenerator.fromEnvironment()
        var stock = StockLevels(["A": .init(onHand: 40), "B": .init(onHand: 25)], unknownSKU: .reject)
        var reservations: [Int: StockReservation] = [:]
        for _ in 0..<TestTier.rounds(5_000) {
            let order = Int.random(in: 0..<60, using: &random)
            let request: StockReservation.Request =
                switch Int.random(in: 0..<5, using: &random) {
                case 0...2:
                    .reserve([
                        OrderLine(sku: "A", quantity: .random(in: 1...9, using: &random)),
                        OrderLine(sku: "B", quantity: .random(in: 1...9, using: &random)),
                    ])
                case 3: .release
                default: .consume
                }
            let reaction = try StockReservation.react(to: request, reservations[order], stock: &stock)
            if let changed = reaction.reservation { reservations[order] = changed }
            if request != .consume { try #require(reaction.answer != nil, "seed \(random.seed)") }
            for (sku, initial) in [("A", Int64(40)), ("B", Int64(25))] {
                let level = try #require(stock.levels[sku])
                func promised(_ status: StockReservation.Status) -> Int64 {
                    reservations.values.filter { $0.status == status }.flatMap(\.lines).filter { $0.sku == sku }
                        .reduce(0) { $0 + Int64($1.quantity) }
                }
                try #require(level.available >= 0, "seed \(random.seed)")
                try #require(level.reserved == promised(.reserved), "seed \(random.seed)")
                try #require(level.consumed == promised(.consumed), "seed \(random.seed)")
                try #require(level.onHand + level.consumed == initial, "seed \(random.seed)")
            }
        }
    }
}
