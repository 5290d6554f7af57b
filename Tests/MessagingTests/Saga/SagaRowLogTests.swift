import Randomness
import Testing

@testable import Messaging

@Suite struct SagaRowLogTests {
    private static func uuid(_ random: inout SeededGenerator) -> String {
        SagaHeard(kind: .uuid, high: random.next(), low: random.next()).uuidText
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        let pieces = ["", "a", "stock", "größer", "\0", "\u{1F600}", " ", String(repeating: "long ", count: 40)]
        return (0..<Int.random(in: 0...3, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
            .joined()
    }

    /// Whatever is written is read as it was, in its order, and the row knows every event that it still has.
    @Test func whatIsAddedIsRead() throws {
        var random = SeededGenerator.fromEnvironment("SagaRowLogTests")
        for _ in 0..<TestTier.rounds(2000) {
            var log = SagaRowLog()
            var lines: [SagaRowLog.Line] = []
            var events: [SagaHeard] = []
            for version in 1...Int.random(in: 1...12, using: &random) {
                let at =
                    Bool.random(using: &random)
                    ? Int64.random(in: .min ... .max, using: &random) : 1_764_367_000_000_000
                let cause: SagaCause
                var heard: SagaHeard?
                switch Int.random(in: 0..<5, using: &random) {
                case 0: cause = .deadline
                case 1: cause = .operator(Self.text(&random))
                case 2:
                    let id = Self.uuid(&random)
                    cause = .message(id: id, type: Self.text(&random))
                    heard = SagaHeard(identity: id, id: id)
                case 3:
                    // A UUID, but of another source, or not written as we do.
                    let id = Bool.random(using: &random) ? Self.uuid(&random) : Self.uuid(&random).uppercased()
                    cause = .message(id: id, type: "T")
                    heard = SagaHeard(identity: "https://shop.example \(id)", id: id)
                default:
                    let id = Self.text(&random)
                    cause = .message(id: id, type: "T")
                    heard = SagaHeard(identity: id + "#\(version)", id: id)
                }
                let least = heard == nil ? 1 : 0
                let entries = (0..<Int.random(in: least...4, using: &random)).map { _ in
                    SagaLogEntry(
                        at: at, cause: cause,
                        event: SagaLogEntry.Event.allCases.randomElement(using: &random) ?? .started,
                        step: Bool.random(using: &random) ? Self.text(&random) : nil,
                        detail: Bool.random(using: &random) ? Self.text(&random) : nil)
                }
                if let heard {
                    #expect(!log.hasHeard(heard))
                    events.append(heard)
                }
                log.add(entries, cause: cause, at: at, version: version, heard: heard)
                lines += entries.map { SagaRowLog.Line(version: version, entry: $0) }
            }
            #expect(try log.lines() == lines, "seed \(random.seed)")
            #expect(events.allSatisfy { log.hasHeard($0) }, "seed \(random.seed)")
        }
    }

    /// Bytes that nobody wrote are an error or lines, and never a trap.
    @Test func anyBytesMayBeThere() throws {
        var random = SeededGenerator.fromEnvironment("anyBytesMayBeThere")
        var read = 0
        for _ in 0..<TestTier.rounds(4000) {
            var log = SagaRowLog()
            for version in 1...3 {
                log.add(
                    [
                        SagaLogEntry(
                            at: 1, cause: .message(id: "m", type: "T"), event: .failed, step: "stock", detail: "no")
                    ],
                    cause: .message(id: "m", type: "T"), at: 1, version: version, heard: nil)
            }
            var bytes = log.bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random)) }
            var broken = SagaRowLog(bytes)
            if let lines = try? broken.lines() { read += lines.count }
            _ = broken.hasHeard(SagaHeard(identity: "m", id: "m"))
            _ = broken.takeOldest()
        }
        #expect(read > 0)
    }

    /// A row has a bound, what leaves it is all the rest in its order, and the newest facts stay known.
    @Test func theOldestLeaveTheRow() throws {
        var log = SagaRowLog()
        var lines: [SagaRowLog.Line] = []
        var taken: [SagaRowLog.Line] = []
        for version in 1...400 {
            let id = "0199aaaa-bbbb-7ccc-8ddd-\(String(100_000_000_000 + version))"
            let cause = SagaCause.message(id: id, type: "RefundRefused")
            let entries = [SagaLogEntry(at: 7, cause: cause, event: .undoRefused, step: "payment", detail: "later")]
            log.add(entries, cause: cause, at: 7, version: version, heard: SagaHeard(identity: id, id: id))
            lines += entries.map { SagaRowLog.Line(version: version, entry: $0) }
            taken += log.takeOldest()
            #expect(log.bytes.count <= SagaRowLog.limit)
            #expect(log.hasHeard(SagaHeard(identity: id, id: id)))
        }
        #expect(!taken.isEmpty)
        #expect(try taken + log.lines() == lines)
        let newest = try log.lines().suffix(30)
        #expect(newest.count == 30)
        // One that has no room at all doesn't stay.
        let cause = SagaCause.deadline
        log.add(
            [SagaLogEntry(at: 8, cause: cause, event: .timedOut, detail: String(repeating: "x", count: 10_000))],
            cause: cause, at: 8, version: 401, heard: nil)
        let left = try log.lines().count
        let last = log.takeOldest()
        #expect(last.count == left && log.bytes.isEmpty)
    }

    @Test func eventsAreToldApartBySource() {
        let id = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"
        let ours = SagaHeard(fact("A", "a", event: id, origin: "/orderflow/payment"))
        let theirs = SagaHeard(fact("A", "a", event: id, origin: "https://shop.example"))
        #expect(ours.kind == .uuid && ours.uuidText == id)
        #expect(theirs.kind == .digest)
        #expect(SagaHeard(fact("B", "b", event: id, origin: "/orderflow/stock")) == ours)
        #expect(SagaHeard(fact("A", "a", event: id.uppercased())).kind == .digest)
    }
}
