import Kafka
import TestServers
import Testing

@testable import Messaging

/// What a new leader takes for published already: its own, and nothing that only has the same id.
@Suite(.servers) struct PublishedTailTests {
    @Test func aStrangersRecordOfTheSameIDHoldsNothingBack() throws {
        let fixture = try OutboxFixture()
        let producer = try Producer(ProducerConfiguration(fixture.topic.kafka), logger: quiet)
        defer { producer.close(timeout: .seconds(5)) }
        func put(_ source: String, _ id: String) throws {
            let headers: KafkaHeaders = [
                KafkaHeader("ce_source", Array(source.utf8)), KafkaHeader("ce_id", Array(id.utf8)),
            ]
            let record = OutgoingMessage(topic: fixture.topic.name, key: [0x6B], value: [0x7B, 0x7D], headers: headers)
            for result in try producer.publish([record], timeout: .seconds(20)) { _ = try result.get() }
        }
        try put("/elsewhere", "1")
        // A leader that was killed before it could note it.
        try put("/test", "2")
        for id in ["1", "2", "3"] { try fixture.append(id) }
        try fixture.relaying { relay in
            try eventually("all are seen to") { relay.currentStatus.published == 3 }
        }
        let known = try fixture.topic.records().map { "\($0.headers["ce_source"] ?? "") \($0.headers["ce_id"] ?? "")" }
        #expect(known == ["/elsewhere 1", "/test 2", "/test 1", "/test 3"])
    }

    /// Two strangers' records of one id are two letters.
    @Test func lettersAreToldApartByTheirRecords() throws {
        let fixture = try OutboxFixture()
        try fixture.appendCopy(1)
        try fixture.relaying { relay in
            try eventually("it is out") { relay.currentStatus.published == 1 }
        }
        _ = try fixture.connect().execute("DELETE FROM relay_checkpoints")
        try fixture.appendCopy(2)
        try fixture.relaying { relay in
            try eventually("both are seen to") { relay.currentStatus.published == 2 }
        }
        #expect(try fixture.topic.records().map { $0.headers["orderflow_offset"] } == ["1", "2"])
    }
}
