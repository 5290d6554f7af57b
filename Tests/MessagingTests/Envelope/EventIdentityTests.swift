import JSON
import Randomness
import Testing

@testable import Messaging

@Suite struct EventIdentityTests {
    /// Two sources may both have an event 1.
    @Test func sourceAndIDTogetherAreWhichEventItIs() {
        let texts = [
            EventIdentity.text(source: "/berlin", id: "1"), EventIdentity.text(source: "/paris", id: "1"),
            EventIdentity.text(source: nil, id: "1"), EventIdentity.text(source: "/paris", id: "2"),
            EventIdentity.text(source: nil, id: "/paris 1"), EventIdentity.text(source: "/paris 1", id: "2"),
            EventIdentity.text(source: "/paris", id: "1 2"), EventIdentity.text(source: "/orderflow/orders", id: "1"),
        ]
        #expect(Set(texts).count == texts.count)
    }

    /// Inboxes know ours from before the source counted.
    @Test func ourOwnEventsAreKnownByTheirUUIDAlone() {
        let id = "0199aa00-0000-7000-8000-00000000000a"
        #expect(EventIdentity.text(source: "/orderflow/orders", id: id) == id)
        #expect(EventIdentity.text(source: nil, id: id) == id)
        #expect(EventIdentity.text(source: "/elsewhere", id: id) != id)
        for other in ["0199aa00-0000-7000-8000-00000000000A", "0199aa0000000-7000-8000-00000000000a", id + "0", ""] {
            #expect(EventIdentity.text(source: "/orderflow/orders", id: other) != other, "\(other)")
        }
    }

    @Test func differentPairsHaveDifferentTexts() {
        var generator = SeededGenerator.fromEnvironment("differentPairsHaveDifferentTexts")
        func text() -> String {
            String(
                (0..<Int.random(in: 1...3, using: &generator)).map { _ in "a /".randomElement(using: &generator) ?? " "
                })
        }
        var seen: [String: [String?]] = [:]
        for _ in 0..<20_000 {
            // A blank in a source is one that should have been escaped.
            let source = Bool.random(using: &generator) ? text().replacing(" ", with: "%20") : nil
            let pair = [source, text()]
            let identity = EventIdentity.text(source: source, id: pair[1] ?? "")
            #expect(seen[identity, default: pair] == pair, "\(pair), seed \(generator.seed)")
            seen[identity] = pair
        }
    }

    /// Whatever a producer stamps its records with is a time that everybody can hold.
    @Test func anyTimestampIsATime() {
        var generator = SeededGenerator.fromEnvironment("anyTimestampIsATime")
        // Nano- and microseconds of 2026 where milliseconds should be, and the ends.
        let stamps =
            [1_767_225_600_000_000_000, 1_767_225_600_000_000, 1_767_225_600_000, 0, -1, .min, .max]
            + (0..<10_000).map { _ in
                Int64.random(in: .min ... .max, using: &generator) >> Int64.random(in: 0...63, using: &generator)
            }
        for stamp in stamps {
            let time = RecordTime.microseconds(stamp)
            #expect(RFC3339.range.contains(time), "\(stamp)")
            #expect(RFC3339.microseconds(RFC3339.text(time)) == time, "\(stamp)")
            if RFC3339.range.contains(time), stamp.magnitude < 200_000_000_000_000 {
                #expect(time / 1_000 == max(stamp, RFC3339.range.lowerBound / 1_000))
            }
        }
        #expect(RecordTime.microseconds(1_767_225_600_000_000_000) == RFC3339.range.upperBound)
    }
}
