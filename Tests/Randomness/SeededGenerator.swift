import Foundation

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators"). Set ORDERFLOW_TEST_SEED to repeat
/// a run.
public struct SeededGenerator: RandomNumberGenerator {
    public let seed: UInt64
    private var state: UInt64

    public init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    /// From the environment, else a fresh one; printed either way.
    ///
    /// - Parameter usual: instead of a fresh one. For what is compared with another program: what a fresh seed finds may be
    ///   that one's own.
    public static func fromEnvironment(_ test: String = #function, usual: UInt64? = nil) -> SeededGenerator {
        let seed =
            ProcessInfo.processInfo.environment["ORDERFLOW_TEST_SEED"].flatMap { UInt64($0) }
            ?? usual ?? .random(in: 0...(.max))
        print("\(test): ORDERFLOW_TEST_SEED=\(seed)")
        return SeededGenerator(seed: seed)
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
