import Foundation

/// SplitMix64 (Steele, Lea, Flood 2014): a failing run can be repeated with ORDERFLOW_TEST_SEED.
struct SeededGenerator: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    static func fromEnvironment() -> SeededGenerator {
        let given = ProcessInfo.processInfo.environment["ORDERFLOW_TEST_SEED"].flatMap { UInt64($0) }
        let generator = SeededGenerator(seed: given ?? UInt64.random(in: 0...UInt64.max))
        print("ORDERFLOW_TEST_SEED=\(generator.seed)")
        return generator
    }

    init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
