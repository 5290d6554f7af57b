/// What the simulated gateway makes of a payment token:
///
///     tok_declined       declined
///     tok_error          fails three times, then charges
///     tok_timeout        charges, and the first answer is lost
///     tok_hang           charges, and the first answer never comes
///     tok_slow           charges after three seconds
///     tok_refund_fails   charges; every refund is refused
///     tok_refund_flaky   charges; ten refunds are refused, the next one works
///
/// Any other token, and none, is charged.
struct SimulatedBehaviour: Hashable, Sendable {
    var declineReason: String?
    /// Calls with one key that fail before the gateway decides.
    var failuresFirst = 0
    var losesFirstAnswer = false
    var hangsFirst = false
    var extraLatency: Duration = .zero
    /// Refunds of the charge that are refused; nil for all of them.
    var refusedRefunds: Int? = 0

    init(token: String? = nil) {
        switch token {
        case "tok_declined": declineReason = "the card was declined"
        case "tok_error": failuresFirst = 3
        case "tok_timeout": losesFirstAnswer = true
        case "tok_hang": hangsFirst = true
        case "tok_slow": extraLatency = .seconds(3)
        case "tok_refund_fails": refusedRefunds = nil
        case "tok_refund_flaky": refusedRefunds = 10
        default: break
        }
    }

    /// Why the refund is refused that follows `count` refused ones; nil where it works.
    func refusal(after count: Int) -> String? {
        guard let refusedRefunds else { return "this card takes no refunds" }
        return count < refusedRefunds ? "this card takes no refund just now" : nil
    }
}
