import Orders

/// One order's payment: at most one charge, at most one refund.
///
///     requested ──┐
///     announced ─> charging ─> charged ─> refunding ─> refunded
///         │           │  └──> declined       │  ↑
///         └─> voided <┘                      └─> refundRefused
///                  undoing: undone while the gateway was being asked; its answer decides
///
/// The gateway is asked outside of here, for whatever `call` says, until it has answered; where there is nothing to
/// charge or refund, nobody is asked. Every request is answered in the end, a repeated one with the same answer again, and an undo that comes first leaves `voided` behind, so that
/// nothing is charged any more.
public struct PaymentProcess: Hashable, Sendable {
    public enum Status: String, Hashable, Sendable, CaseIterable {
        /// The terms are known; nobody has asked for the money yet.
        case announced
        /// The money was asked for, and something is missing: the terms, where a foreign producer has put them on another
        /// partition, or the token that the order service has been asked for.
        case requested
        case charging
        /// The order was undone while the charge was under way.
        case undoing
        case charged, declined, voided, refunding
        case refundRefused = "refund_refused"
        case refunded
    }

    /// Who pays how much, and how.
    public struct Terms: Hashable, Sendable {
        public let userID: String
        public let amount: Money
        public var token: Token

        public init(userID: String, amount: Money, token: Token) {
            self.userID = userID
            self.amount = amount
            self.token = token
        }

        /// As an order's facts have them.
        ///
        /// - Parameter isSealed: whether the order service keeps a token.
        public init(userID: String, amount: Money, paymentToken: String?, isSealed: Bool = false) {
            self.init(
                userID: userID, amount: amount, token: isSealed ? .awaited : paymentToken.map { .readable($0) } ?? .none
            )
        }
    }

    /// What the customer pays with, as far as it is here.
    public enum Token: Hashable, Sendable {
        case none
        /// Of a foreign producer's order, and of ours from before tokens were sealed.
        case readable(String)
        /// The order service keeps it, and is asked for it when it is time to charge.
        case awaited
        /// As it came; opened for the call of the gateway and nowhere else.
        case sealed([UInt8])
    }

    public enum Request: Hashable, Sendable {
        /// The order's terms, for a later `charge(nil)`.
        case announce(Terms)
        /// Nil takes the announced terms, or waits for them.
        case charge(Terms?)
        /// The same, asked for too late: nothing is begun that wasn't before.
        case chargeTooLate(Terms)
        /// The token that was awaited; nil where the order service has none any more.
        case token([UInt8]?)
        /// What the charge waits for has had its time.
        case closeWindow
        /// Make sure that the customer's money is back, or never taken.
        case undo
    }

    /// What the gateway is to be asked for.
    public enum Call: Hashable, Sendable {
        case charge(Terms)
        /// `round` counts from 1: after a refusal the next try is a request of its own, with a key of its own.
        case refund(Money, chargeReference: String, round: Int)

        /// Distinguishes the calls of one order, and is the same for each try of one call.
        public var key: String {
            switch self {
            case .charge: "charge"
            case .refund(_, _, let round): "refund-\(round)"
            }
        }
    }

    /// The gateway's final word on a call.
    public enum Outcome: Hashable, Sendable {
        case done(reference: String)
        /// Nothing was charged or refunded.
        case refused(reason: String)
    }

    /// What is said of a request.
    public enum Answer: Hashable, Sendable {
        case processed(amount: Money, reference: String)
        case failed(reason: String)
        case refunded(amount: Money, reference: String)
        /// Asked to undo a payment that was never made.
        case voided
        case refundFailed(reason: String)
        /// The request came too late, and nothing is charged.
        case expired
    }

    public var status: Status
    /// Nil only where an undo or a request for the money came before anything else.
    public var terms: Terms?
    public var chargeReference: String?
    public var refundReference: String?
    /// Of the last refusal.
    public var reason: String?
    /// Refunds begun.
    public var refundRound: Int
    /// Tries of `call` that have begun; while it is 0 the gateway knows nothing of it.
    public var attempts: Int
    /// The private half of the key pair that the awaited token is sealed for on its way here; made for this payment alone.
    public var tokenKey: [UInt8]?

    public init(
        status: Status, terms: Terms? = nil, chargeReference: String? = nil, refundReference: String? = nil,
        reason: String? = nil, refundRound: Int = 0, attempts: Int = 0
    ) {
        self.status = status
        self.terms = terms
        self.chargeReference = chargeReference
        self.refundReference = refundReference
        self.reason = reason
        self.refundRound = refundRound
        self.attempts = attempts
    }

    /// Stands for the gateway's reference where it wasn't asked.
    public static let freeReference = "nothing-to-charge"
    public static let negativeReason = "the amount is negative"
    public static let expiredReason = "the payment was asked for too late"
    public static let voidedReason = "the payment was undone before it was made"
    public static let refundedReason = "the payment was undone"
    public static let windowReason = "the payment wasn't completed in time"
    public static let tokenGoneReason = "the payment token is gone"

    /// Whether the charge waits for its token.
    public var awaitsToken: Bool { status == .requested && terms?.token == .awaited }

    /// The token, while a charge may need it; it is kept no longer.
    public var neededToken: Token {
        switch status {
        case .announced, .requested, .charging, .undoing: terms?.token ?? .none
        case .charged, .declined, .voided, .refunding, .refundRefused, .refunded: .none
        }
    }

    /// What the gateway has to be asked for now.
    public var call: Call? {
        switch status {
        case .charging, .undoing: terms.map { .charge($0) }
        case .refunding: refund
        case .announced, .requested, .charged, .declined, .voided, .refundRefused, .refunded: nil
        }
    }

    /// Whether the call is made with a token.
    var hasToken: Bool {
        switch neededToken {
        case .readable, .sealed: true
        case .none, .awaited: false
        }
    }

    /// Whether there is something to ask that the gateway hasn't been asked yet.
    var isToBeBegun: Bool { attempts == 0 && call != nil }

    private var refund: Call? {
        guard let terms, let chargeReference else { return nil }
        return .refund(terms.amount, chargeReference: chargeReference, round: refundRound)
    }

    /// What a request does. `process` is nil where nothing changes; `answer` is nil where the gateway's outcome will be
    /// the answer.
    public static func react(
        to request: Request, _ process: PaymentProcess?
    ) -> (process: PaymentProcess?, answer: Answer?) {
        switch request {
        case .announce(let terms):
            switch process?.status {
            case nil: return (PaymentProcess(status: .announced, terms: terms), nil)
            case .requested where process?.terms == nil: return asked(terms)
            default: return (nil, nil)
            }
        case .charge(let terms):
            switch process?.status {
            case nil, .announced:
                guard let terms = terms ?? process?.terms else { return (PaymentProcess(status: .requested), nil) }
                return asked(terms)
            case .requested:
                guard process?.terms == nil, let terms else { return (nil, nil) }
                return asked(terms)
            default: return (nil, process?.answerToCharge)
            }
        case .chargeTooLate(let terms):
            switch process?.status {
            // Left behind, so that a copy which another clock finds in time isn't done either.
            case nil, .announced:
                return (PaymentProcess(status: .declined, terms: terms, reason: expiredReason), .expired)
            case .requested: return (nil, nil)
            default: return (nil, process?.answerToCharge)
            }
        case .token(let sealed):
            guard let process, process.awaitsToken, var terms = process.terms else { return (nil, nil) }
            guard let sealed else {
                return (
                    PaymentProcess(status: .declined, terms: terms, reason: tokenGoneReason),
                    .failed(reason: tokenGoneReason)
                )
            }
            terms.token = .sealed(sealed)
            return begun(PaymentProcess(status: .charging, terms: terms))
        case .closeWindow:
            guard let process, process.status == .requested else { return (nil, nil) }
            return (
                PaymentProcess(status: .declined, terms: process.terms, reason: windowReason),
                .failed(reason: windowReason)
            )
        case .undo: return undo(process)
        }
    }

    /// The money is asked for. Where there is none to take, nobody needs the token.
    private static func asked(_ terms: Terms) -> (process: PaymentProcess?, answer: Answer?) {
        terms.token == .awaited && terms.amount.minorUnits > 0
            ? (PaymentProcess(status: .requested, terms: terms), nil)
            : begun(PaymentProcess(status: .charging, terms: terms))
    }

    /// A process that has just begun a call: its end, where that is known without the gateway.
    private static func begun(_ process: PaymentProcess) -> (process: PaymentProcess?, answer: Answer?) {
        guard let call = process.call, let outcome = process.foregone,
            let (end, answers) = process.settled(call, outcome)
        else { return (process, nil) }
        return (end, answers.first)
    }

    private var foregone: Outcome? {
        switch call {
        case .charge(let terms) where terms.amount.minorUnits == 0: return .done(reference: Self.freeReference)
        // No door lets a negative amount in; what was stored before there were doors isn't charged.
        case .charge(let terms) where terms.amount.minorUnits < 0: return .refused(reason: Self.negativeReason)
        case .refund(let amount, _, _) where amount.minorUnits == 0: return .done(reference: Self.freeReference)
        default: return nil
        }
    }

    private var answerToCharge: Answer? {
        switch status {
        case .announced, .requested, .charging, .undoing, .refunding: nil
        case .charged: processed
        case .declined: .failed(reason: reason ?? "")
        case .voided: .failed(reason: Self.voidedReason)
        case .refunded: .failed(reason: Self.refundedReason)
        // Not a failed payment: the money is still here.
        case .refundRefused: .refundFailed(reason: reason ?? "")
        }
    }

    private static func undo(_ process: PaymentProcess?) -> (process: PaymentProcess?, answer: Answer?) {
        guard var next = process else { return (PaymentProcess(status: .voided), .voided) }
        switch next.status {
        case .announced, .requested:
            next.status = .voided
            return (next, .voided)
        case .charging where next.attempts == 0:
            next.status = .voided
            return (next, .voided)
        case .charging:
            next.status = .undoing
            return (next, nil)
        case .charged, .refundRefused:
            next.beginRefund()
            return begun(next)
        case .undoing, .refunding: return (nil, nil)
        case .declined, .voided: return (nil, .voided)
        case .refunded: return (nil, next.refunded)
        }
    }

    private mutating func beginRefund() {
        status = .refunding
        refundRound += 1
        attempts = 0
    }

    /// What the gateway's word on `call` does; nil when the call is settled already.
    public func settled(
        _ call: Call, _ outcome: Outcome
    ) -> (process: PaymentProcess, answers: [Answer])? {
        guard call == self.call else { return nil }
        var next = self
        switch (call, outcome) {
        case (.charge, .done(let reference)):
            next.chargeReference = reference
            next.status = .charged
            next.attempts = 0
            if status == .undoing { next.beginRefund() }
            return (next, [next.processed].compactMap { $0 })
        case (.charge, .refused(let reason)):
            next.status = .declined
            next.reason = reason
            // Both requests are answered: the one for the money and the one to undo it.
            return (next, [.failed(reason: reason)] + (status == .undoing ? [.voided] : []))
        case (.refund, .done(let reference)):
            next.refundReference = reference
            next.status = .refunded
            return (next, [next.refunded].compactMap { $0 })
        case (.refund, .refused(let reason)):
            next.status = .refundRefused
            next.reason = reason
            return (next, [.refundFailed(reason: reason)])
        }
    }

    private var processed: Answer? {
        guard let terms, let chargeReference else { return nil }
        return .processed(amount: terms.amount, reference: chargeReference)
    }

    private var refunded: Answer? {
        guard let terms, let refundReference else { return nil }
        return .refunded(amount: terms.amount, reference: refundReference)
    }
}
