import Foundation

/// Which tests run: all, or in the fast tier (`scripts/test --fast`) those that start no servers.
public enum TestTier {
    public static let isFast = ProcessInfo.processInfo.environment["ORDERFLOW_TEST_TIER"] == "fast"

    /// How many generated cases a test tries: a tenth in the fast tier.
    public static func rounds(_ all: Int) -> Int { isFast ? max(1, all / 10) : all }
}
