import Execution
import Testing

/// Numbers that others have written down end at the bounds, and never in a trap.
@Suite struct SaturatingTests {
    @Test func measuresBecomeWholeNumbers() {
        let table: [(Double, Int64)] = [
            (0, 0), (-0.0, 0), (1.5, 2), (-1.5, -2), (9e18, 9_000_000_000_000_000_000), (9.3e18, .max), (-9.3e18, .min),
            (0x1p63, .max), (-0x1p63, .min), (1e300, .max), (.infinity, .max), (-.infinity, .min), (.nan, 0),
            (.leastNonzeroMagnitude, 0),
        ]
        for (value, expected) in table { #expect(Int64(saturating: value) == expected, "\(value)") }
    }

    @Test func durationsBecomeMicroseconds() {
        let table: [(Duration, Int64)] = [
            (.zero, 0), (.seconds(1), 1_000_000), (.microseconds(-1), -1), (.nanoseconds(999), 0),
            (.seconds(9_223_372_036_854), 9_223_372_036_854_000_000), (.seconds(9_223_372_036_855), .max),
            (.seconds(-9_223_372_036_855), .min), (.seconds(Int64.max), .max), (.seconds(Int64.min), .min),
        ]
        for (duration, expected) in table { #expect(duration.microseconds == expected, "\(duration)") }
    }
}
