import Execution

/// What a customer is about to do.
struct OrderPlan: Sendable {
    let kind: OrderKind
    /// When the order is to be placed, microseconds since the Unix epoch; nil is at once.
    let placeAt: Int64?
    private let cancelsAfter: Duration?
    private let began = ContinuousClock.now

    private static let cancelShare = 0.12
    /// Of orders that are to be placed some seconds later, and of them that are cancelled, most before their time.
    private static let laterShare = 0.15
    private static let laterCancelShare = 0.5

    init(_ dice: inout Dice) {
        kind = dice.pick(OrderKind.allCases.map { ($0, weight: $0.weight) })
        func isOne(of share: Double) -> Bool { Double.random(in: 0..<1, using: &dice) < share }
        guard isOne(of: Self.laterShare) else {
            placeAt = nil
            cancelsAfter = isOne(of: Self.cancelShare) ? dice.duration(0...4) : nil
            return
        }
        let ahead = dice.duration(1...6)
        placeAt = WallClock.nowMicroseconds() + ahead.microseconds
        cancelsAfter = isOne(of: Self.laterCancelShare) ? ahead * Double.random(in: 0...1.2, using: &dice) : nil
    }

    /// When the customer cancels the order, which has just been taken; nil is never. What is to be placed later is
    /// cancelled by its time, and not by when it was taken.
    var cancelsAt: ContinuousClock.Instant? {
        cancelsAfter.map { (placeAt == nil ? .now : began) + $0 }
    }
}
