/// The campaign's randomness: SplitMix64 (Steele, Lea, Flood 2014), so that a seed gives the same decisions again.
/// What the machine makes of their timing is its own.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func duration(_ range: ClosedRange<Double>) -> Duration {
        .seconds(Double.random(in: range, using: &self))
    }

    /// One of the values, as often as its weight says.
    mutating func pick<Value>(_ weighted: [(Value, weight: Int)]) -> Value {
        precondition(!weighted.isEmpty)
        var rest = Int.random(in: 0..<weighted.reduce(0) { $0 + $1.weight }, using: &self)
        for (value, weight) in weighted {
            rest -= weight
            if rest < 0 { return value }
        }
        return weighted[weighted.count - 1].0
    }

    /// Dice of their own for somebody who throws them in an order of their own.
    mutating func split() -> Dice { Dice(seed: next()) }
}
