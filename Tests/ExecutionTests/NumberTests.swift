import Execution
import Testing

/// Conversions that can't trap, whatever comes.
@Suite struct NumberTests {
    @Test(
        arguments: [
            (0, 0), (1.4, 1), (1.5, 2), (-1.5, -2), (1e18, 1_000_000_000_000_000_000), (1e19, .max), (-1e19, .min),
            (9_223_372_036_854_775_808, .max), (-9_223_372_036_854_775_808, .min), (.infinity, .max),
            (-.infinity, .min), (.nan, 0), (.greatestFiniteMagnitude, .max), (.leastNonzeroMagnitude, 0),
        ] as [(Double, Int64)])
    func aMeasureBecomesTheNearestNumber(value: Double, expected: Int64) {
        #expect(Int64(saturating: value) == expected)
    }

    @Test(
        arguments: [
            (.zero, 0), (.microseconds(1), 1), (.nanoseconds(1_999), 1), (.nanoseconds(-1_999), -1),
            (.seconds(-2), -2_000_000), (.milliseconds(1_500), 1_500_000), (.seconds(Int64.max), .max),
            (.seconds(Int64.min), .min), (.seconds(9_223_372_036_854), 9_223_372_036_854_000_000),
            (.seconds(9_223_372_036_855), .max),
        ] as [(Duration, Int64)])
    func aDurationHasWholeMicroseconds(duration: Duration, expected: Int64) {
        #expect(duration.microseconds == expected)
    }

    @Test func aClampedValueIsTheNearestWithin() {
        #expect([-5, 0, 3, 10, 11].map { $0.clamped(to: 0...10) } == [0, 0, 3, 10, 10])
        #expect("m".clamped(to: "a"..."f") == "f")
    }

    /// After this was written, and before anybody could be alive.
    @Test func theWallClockCountsFromTheUnixEpoch() {
        let year: Int64 = 31_556_952_000_000
        #expect((55 * year...200 * year).contains(WallClock.nowMicroseconds()))
    }
}
