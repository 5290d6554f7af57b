import Orders
import Randomness
import Testing

@testable import Payment

@Suite struct PaymentProcessTests {
    private static let terms = PaymentProcess.Terms(
        userID: "u", amount: Money(minorUnits: 4_999, currency: .usd), paymentToken: nil)
    private static let processed = PaymentProcess.Answer.processed(amount: terms.amount, reference: "c")
    private static let refunded = PaymentProcess.Answer.refunded(amount: terms.amount, reference: "r")

    /// Something that happens.
    enum Event: Sendable {
        case announce, charge, chargeAnnounced, undo
        /// A worker begins to ask for what is to be asked.
        case asked
        /// The gateway's word on what is being asked.
        case done, refused
    }

    /// What happens, and what is told of it at once.
    struct Step: Sendable {
        let event: Event
        let facts: [PaymentProcess.Answer]
        init(_ event: Event, _ facts: PaymentProcess.Answer...) {
            self.event = event
            self.facts = facts
        }
    }

    struct Story: Sendable, CustomTestStringConvertible {
        let name: String
        let end: PaymentProcess.Status
        let steps: [Step]
        init(_ name: String, _ end: PaymentProcess.Status, _ steps: Step...) {
            self.name = name
            self.end = end
            self.steps = steps
        }
        var testDescription: String { name }
    }

    static let stories = [
        Story(
            "charged, asked twice before and after", .charged,
            Step(.charge), Step(.charge), Step(.asked), Step(.charge), Step(.done, processed), Step(.charge, processed)),
        Story(
            "declined, asked and undone again", .declined,
            Step(.charge), Step(.asked), Step(.refused, .failed(reason: "no")),
            Step(.charge, .failed(reason: "no")), Step(.undo, .voided), Step(.undo, .voided),
            Step(.charge, .failed(reason: "no"))),
        Story(
            "refunded once, undone twice, then refused", .refunded,
            Step(.charge), Step(.asked), Step(.done, processed), Step(.undo), Step(.undo), Step(.asked), Step(.undo),
            Step(.charge), Step(.done, refunded), Step(.undo, refunded),
            Step(.charge, .failed(reason: PaymentProcess.refundedReason))),
        Story(
            "undo before do leaves a tombstone", .voided,
            Step(.undo, .voided), Step(.charge, .failed(reason: PaymentProcess.voidedReason)),
            Step(.undo, .voided), Step(.announce)),
        Story(
            "undo before the gateway knows", .voided,
            Step(.charge), Step(.undo, .voided),
            Step(.charge, .failed(reason: PaymentProcess.voidedReason))),
        Story(
            "undo while the charge is in flight: it succeeds", .refunded,
            Step(.charge), Step(.asked), Step(.undo), Step(.undo), Step(.charge), Step(.done, processed), Step(.asked),
            Step(.done, refunded)),
        Story(
            "undo while the charge is in flight: it is declined", .declined,
            Step(.charge), Step(.asked), Step(.undo),
            Step(.refused, .failed(reason: "no"), .voided), Step(.undo, .voided)),
        Story(
            "refund refused twice, then works", .refunded,
            Step(.charge), Step(.asked), Step(.done, processed), Step(.undo), Step(.asked),
            Step(.refused, .refundFailed(reason: "no")), Step(.charge, .refundFailed(reason: "no")),
            Step(.undo), Step(.asked), Step(.refused, .refundFailed(reason: "no")), Step(.undo), Step(.asked),
            Step(.done, refunded)),
        Story(
            "announced terms are charged", .charged,
            Step(.announce), Step(.announce), Step(.chargeAnnounced), Step(.asked), Step(.done, processed),
            Step(.chargeAnnounced, processed)),
        Story("announced and cancelled", .voided, Step(.announce), Step(.undo, .voided)),
    ]

    @Test(arguments: stories) func story(_ story: Story) throws {
        var process: PaymentProcess?
        for (index, step) in story.steps.enumerated() {
            #expect(try Self.apply(step.event, to: &process) == step.facts, "step \(index): \(step.event)")
        }
        #expect(process?.status == story.end)
    }

    private static func apply(_ event: Event, to process: inout PaymentProcess?) throws -> [PaymentProcess.Answer] {
        func react(_ request: PaymentProcess.Request) -> [PaymentProcess.Answer] {
            let reaction = PaymentProcess.react(to: request, process)
            process = reaction.process ?? process
            return [reaction.answer].compactMap { $0 }
        }
        func settle(_ outcome: PaymentProcess.Outcome) throws -> [PaymentProcess.Answer] {
            let known = try #require(process)
            let call = try #require(known.call)
            let (next, facts) = try #require(known.settled(call, outcome))
            process = next
            return facts
        }
        switch event {
        case .announce: return react(.announce(terms))
        case .charge: return react(.charge(terms))
        case .chargeAnnounced: return react(.charge(nil))
        case .undo: return react(.undo)
        case .asked:
            process?.attempts += 1
            return []
        case .done:
            let reference = if case .refund = process?.call { "r" } else { "c" }
            return try settle(.done(reference: reference))
        case .refused: return try settle(.refused(reason: "no"))
        }
    }

    /// A foreign producer's partitioner may put the terms on another partition than ours puts the request.
    @Test func aRequestWaitsForItsTerms() {
        let asked = PaymentProcess.react(to: .charge(nil), nil).process
        #expect(asked?.status == .requested && asked?.call == nil)
        #expect(PaymentProcess.react(to: .charge(nil), asked).process == nil)
        let charging = PaymentProcess.react(to: .announce(Self.terms), asked).process
        #expect(charging?.call == .charge(Self.terms))
        #expect(PaymentProcess.react(to: .undo, asked).answer == .voided)
    }

    /// Where nothing is to be paid, every request is answered at once, and the gateway is never asked.
    @Test func nothingToChargeNeedsNoGateway() {
        let free = PaymentProcess.Terms(userID: "u", amount: Money(minorUnits: 0, currency: .usd), paymentToken: nil)
        let processed = PaymentProcess.Answer.processed(amount: free.amount, reference: PaymentProcess.freeReference)
        let refunded = PaymentProcess.Answer.refunded(amount: free.amount, reference: PaymentProcess.freeReference)
        let announced = PaymentProcess.react(to: .announce(free), nil).process
        let requested = PaymentProcess.react(to: .charge(nil), nil).process
        for reaction in [
            PaymentProcess.react(to: .charge(free), nil), PaymentProcess.react(to: .charge(nil), announced),
            PaymentProcess.react(to: .announce(free), requested),
        ] {
            let charged = reaction.process
            #expect(charged?.status == .charged && charged?.call == nil && reaction.answer == processed)
            #expect(PaymentProcess.react(to: .charge(free), charged).answer == processed)
            let undone = PaymentProcess.react(to: .undo, charged)
            #expect(undone.process?.status == .refunded && undone.process?.call == nil && undone.answer == refunded)
            #expect(PaymentProcess.react(to: .undo, undone.process).answer == refunded)
        }
        // Of a time before negative amounts were refused.
        let debt = PaymentProcess.Terms(userID: "u", amount: Money(minorUnits: -1, currency: .usd), paymentToken: nil)
        let declined = PaymentProcess.react(to: .charge(debt), nil)
        #expect(declined.process?.status == .declined && declined.process?.call == nil)
        #expect(declined.answer == .failed(reason: PaymentProcess.negativeReason))
    }

    /// A word that comes twice, or late, or about another round, changes nothing.
    @Test func staleOutcomesAreIgnored() throws {
        var process: PaymentProcess?
        for event in [Event.charge, .asked] { _ = try Self.apply(event, to: &process) }
        let charge = try #require(process?.call)
        for event in [Event.done, .undo, .asked] { _ = try Self.apply(event, to: &process) }
        let firstRefund = try #require(process?.call)
        #expect(process?.settled(charge, .done(reference: "again")) == nil)
        #expect(process?.settled(charge, .refused(reason: "late")) == nil)
        for event in [Event.refused, .undo, .asked] { _ = try Self.apply(event, to: &process) }
        #expect(process?.settled(firstRefund, .done(reference: "late")) == nil)
        #expect(process?.call?.key == "refund-2")
    }

    /// Any order of requests, tries and words: one charge, one refund, every undo answered, the money accounted for.
    @Test func neverTwoChargesNeverTwoRefunds() throws {
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<TestTier.rounds(3_000) {
            var process: PaymentProcess?
            var charges = 0
            var refunds = 0
            var isUndone = false
            var answersToUndo = 0
            for _ in 0..<Int.random(in: 1...25, using: &random) {
                let isAsked = process?.call != nil && (process?.attempts ?? 0) > 0
                let event: Event
                switch Int.random(in: 0..<7, using: &random) {
                case 0: event = .announce
                case 1: event = .charge
                case 2: event = .undo
                case 3 where process?.call != nil: event = .asked
                case 4, 5: event = isAsked ? .done : .charge
                default: event = isAsked ? .refused : .undo
                }
                let isRefund = if case .refund = process?.call { true } else { false }
                if event == .undo { isUndone = true }
                if event == .done { if isRefund { refunds += 1 } else { charges += 1 } }
                for fact in try Self.apply(event, to: &process) {
                    switch fact {
                    case .voided, .refunded, .refundFailed: answersToUndo += 1
                    default: break
                    }
                }
            }
            // Whatever is under way ends once the gateway answers.
            while process?.call != nil {
                let isRefund = if case .refund = process?.call { true } else { false }
                _ = try Self.apply(.asked, to: &process)
                if isRefund { refunds += 1 } else { charges += 1 }
                answersToUndo += try Self.apply(.done, to: &process).count { $0 == Self.refunded }
            }
            try #require(charges <= 1 && refunds <= charges, "seed \(random.seed)")
            if isUndone {
                try #require(answersToUndo > 0, "seed \(random.seed)")
                try #require(
                    charges == refunds || process?.status == .refundRefused, "seed \(random.seed) \(process as Any)")
            }
        }
    }
}
