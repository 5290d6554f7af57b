import Foundation
import JSON
import Randomness
import Testing

@Suite struct RFC3339Tests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000001Z", 1), ("1969-12-31T23:59:59.999999Z", -1),
            ("2026-11-21T06:51:22.123456Z", 1_795_243_882_123_456), ("2000-02-29T12:00:00Z", 951_825_600_000_000),
            ("1900-02-28T23:59:59Z", -2_203_891_201_000_000), ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999), ("1970-01-01t00:00:00z", 0),
            ("1970-01-01T00:00:00.5Z", 500_000),
            ("1970-01-01T00:00:00.1234567899Z", 123_456), ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T14:30:00-09:30", 0),
            ("1970-01-01T00:00:00-00:00", 0), ("1970-01-01T23:59:00.25+23:59", 250_000),
        ] as [(String, Int64)])
    func reads(_ text: String, _ microseconds: Int64) {
        #expect(RFC3339.microseconds(text) == microseconds)
        #expect(RFC3339.microseconds(("x" + text).dropFirst()) == microseconds)
    }

    @Test(arguments: [
        "", "1970", "1970-01-01", "1970-01-01T00:00Z", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z",
        "1970-01-01T00:00:00 Z",
        " 1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z ", "1970-01-01T00:00:00ZZ", "1970-1-01T00:00:00Z",
        "70-01-01T00:00:00Z",
        "+1970-01-01T00:00:00Z", "-1970-01-01T00:00:00Z", "12026-01-01T00:00:00Z", "1970-00-01T00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-01-00T00:00:00Z", "1970-01-32T00:00:00Z", "1970-04-31T00:00:00Z", "1970-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T23:59:60Z", "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00,5Z",
        "1970-01-01T00:00:00+0100", "1970-01-01T00:00:00+01", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+01:60",
        "1970-01-01T00:00:00+01:00Z", "1970-01-01T00:00:00.5", "1970/01/01T00:00:00Z", "1970-01-01T00-00-00Z",
        "1970-01-01T00:00:0 Z", "0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
        "１970-01-01T00:00:00Z", "1970-01-01T00:00:00.5\u{0}Z",
        "1970-01-01T00:00:00.55555555555555555555555555555555555555555555555555Z",
    ])
    func refuses(_ text: String) {
        #expect(RFC3339.microseconds(text) == nil)
    }

    @Test func clampsWhatFourDigitsCannotSay() {
        #expect(RFC3339.text(.max) == "9999-12-31T23:59:59.999999Z")
        #expect(RFC3339.text(.min) == "0001-01-01T00:00:00.000000Z")
        #expect(RFC3339.text(RFC3339.range.upperBound) == "9999-12-31T23:59:59.999999Z")
        #expect(RFC3339.text(RFC3339.range.lowerBound) == "0001-01-01T00:00:00.000000Z")
    }

    @Test func appendsAsAJSONString() {
        var bytes = Array("x".utf8)
        RFC3339.append(1, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "x\"1970-01-01T00:00:00.000001Z\"")
    }

    /// Against the C library's calendar.
    @Test func agreesWithTheSystem() {
        var generator = SeededGenerator.fromEnvironment("RFC3339 agreesWithTheSystem")
        for _ in 0..<TestTier.rounds(20_000) {
            let time = Int64.random(in: RFC3339.range, using: &generator)
            let text = RFC3339.text(time)
            #expect(RFC3339.microseconds(text) == time)
            var seconds = time_t((Double(time) / 1e6).rounded(.down))
            // The division is not exact so far from 1970.
            while Int64(seconds) * 1_000_000 > time { seconds -= 1 }
            while (Int64(seconds) + 1) * 1_000_000 <= time { seconds += 1 }
            var parts = tm()
            gmtime_r(&seconds, &parts)
            let expected = [
                Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday), Int(parts.tm_hour),
                Int(parts.tm_min), Int(parts.tm_sec),
            ]
            #expect(text.prefix(19).split(whereSeparator: { "-T:".contains($0) }).compactMap { Int($0) } == expected)
        }
    }
}
