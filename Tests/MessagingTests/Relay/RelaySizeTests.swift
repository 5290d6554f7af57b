import TestServers
import Testing

@testable import Messaging

/// Records that the brokers, or our own client, find too large.
@Suite(.servers) struct RelaySizeTests {
    /// A fact is never left out, and nothing overtakes it: the relay stands, and says at what.
    @Test func aFactThatIsTooLargeStopsTheRelayLoudly() throws {
        let fixture = try OutboxFixture()
        try fixture.append("1", bytes: 10)
        try fixture.append("2", bytes: 20_000)
        try fixture.append("3", bytes: 10)
        try fixture.relaying(limit: 10_000) { relay in
            try eventually("it says at what") {
                let problem = relay.currentStatus.problem ?? ""
                return problem.contains("record at position 2, of 20") && problem.contains("max.message.bytes")
            }
            #expect(try Set(fixture.topic.records().map { $0.headers["ce_id"] ?? "" }) == ["1"])
        }
        // The limit is raised.
        try fixture.relaying(limit: 100_000) { _ in
            try eventually("all are out") {
                try fixture.topic.records().map { $0.headers["ce_id"] }.suffix(2) == ["2", "3"]
            }
        }
    }

    /// The copy of a letter is a courtesy: cut to what is ours, and nothing behind it waits.
    @Test func aDeadLettersCopyIsCut() throws {
        let fixture = try OutboxFixture()
        try fixture.appendCopy(1, bytes: 20_000)
        try fixture.append("1", bytes: 10)
        try fixture.appendCopy(2, bytes: 10)
        try fixture.relaying(limit: 10_000) { relay in
            try eventually("all are out") { relay.currentStatus.published == 3 }
            #expect(relay.currentStatus.problem == nil)
        }
        let records = try fixture.topic.records()
        #expect(records.count == 3)
        let cut = try #require(records.first { $0.headers["orderflow_offset"] == "1" })
        #expect(cut.value.isEmpty)
        #expect(cut.headers["theirs"] == nil)
        #expect(cut.headers["orderflow_truncated"] == "5")
        #expect(records.first { $0.headers["orderflow_offset"] == "2" }?.value == "value")
    }
}
