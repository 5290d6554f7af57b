import Orders
import Payment

/// The payment gateway: outside of every transaction, and idempotent by the key of a call.
struct ModelGateway {
    let declines: Bool
    /// Refunds that it refuses before one works.
    var refusals: Int
    private var answers: [String: PaymentProcess.Outcome] = [:]
    private(set) var charges = 0
    private(set) var refunds = 0

    init(declines: Bool, refusals: Int) {
        self.declines = declines
        self.refusals = refusals
    }

    mutating func answer(_ call: PaymentProcess.Call) -> PaymentProcess.Outcome {
        if let known = answers[call.key] { return known }
        let outcome: PaymentProcess.Outcome
        switch call {
        case .charge where declines: outcome = .refused(reason: "declined")
        case .charge:
            charges += 1
            outcome = .done(reference: "ch")
        case .refund where refusals > 0:
            if refusals < Int.max { refusals -= 1 }
            outcome = .refused(reason: "the gateway refuses")
        case .refund:
            refunds += 1
            outcome = .done(reference: "re")
        }
        answers[call.key] = outcome
        return outcome
    }
}
