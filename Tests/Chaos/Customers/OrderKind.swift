import JSON

/// The kinds of orders, by the documented levers, and how each may end.
enum OrderKind: String, CaseIterable, Sendable {
    case plain, uncounted, declined, unshippable
    /// Fails once it is paid: the charge must be undone.
    case undeliverable
    case soldOut = "sold-out"
    /// The gateway's first answer is lost, after it has charged.
    case lostAnswer = "lost-answer"
    case slow, flaky

    var weight: Int {
        switch self {
        case .plain: 53
        case .uncounted: 10
        case .declined, .unshippable: 7
        case .soldOut, .lostAnswer, .undeliverable: 5
        case .slow, .flaky: 4
        }
    }

    /// Whether it can only end cancelled.
    var mustFail: Bool {
        switch self {
        case .declined, .unshippable, .soldOut, .undeliverable: true
        default: false
        }
    }

    private var token: String? {
        switch self {
        case .declined: "tok_declined"
        case .lostAnswer: "tok_timeout"
        case .slow: "tok_slow"
        case .flaky: "tok_error"
        default: nil
        }
    }

    private func items(_ dice: inout Dice) -> [(sku: String, quantity: Int)] {
        switch self {
        case .uncounted: [("UNCOUNTED", 1)]
        case .unshippable: [("UNSHIPPABLE", 1)]
        case .soldOut: [("STOCK-1", 1), (Self.soldOutSKU, 1)]
        default:
            (0..<Int.random(in: 1...3, using: &dice)).map { _ in
                ("STOCK-\(Int.random(in: 1...Self.articles, using: &dice))", Int.random(in: 1...3, using: &dice))
            }
        }
    }

    static let articles = 5
    static let soldOutSKU = "SOLD-OUT"

    /// A body for `POST /orders`; one of eight orders goes ahead of the others.
    ///
    /// - Parameter placeAt: microseconds since the Unix epoch; nil is at once.
    func body(user: String, placeAt: Int64?, _ dice: inout Dice) -> String {
        let lines = items(&dice).map { #"{"sku":"\#($0.sku)","qty":\#($0.quantity)}"# }.joined(separator: ",")
        let cents = Int.random(in: 100...99_999, using: &dice)
        let total = "\(cents / 100).\(String(cents % 100 + 100).dropFirst())"
        let address = self == .undeliverable ? #","shippingAddress":"UNDELIVERABLE, Nowhere Street 1"# + "\"" : ""
        let token = token.map { #","paymentToken":"\#($0)""# } ?? ""
        let priority = Int.random(in: 0..<8, using: &dice) == 0 ? #","priority":"express""# : ""
        let time = placeAt.map { #","placeAt":"\#(RFC3339.text($0))""# } ?? ""
        return #"{"userId":"\#(user)","items":[\#(lines)],"total":\#(total)\#(token)\#(address)\#(priority)\#(time)}"#
    }
}
