import Execution
import Kafka
import TestServers
import Testing

@testable import Messaging

/// What a new leader takes for published already: its own, and nothing that only has the same id.
@Suite(.servers) struct PublishedTailTests {
    @Test func aStrangersRecordOfTheSameIDHoldsNothingBack() throws {
        let fixture = try OutboxFixture()
        let producer = try fixture.topic.producer()
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

    /// A fact of `/test` as it lies on the topic, or is about to.
    private func fact(_ id: String, on topic: String) -> OutgoingMessage {
        OutgoingMessage(
            topic: topic, key: [0x6B], value: [0x7B, 0x7D],
            headers: [KafkaHeader("ce_source", Array("/test".utf8)), KafkaHeader("ce_id", Array(id.utf8))])
    }

    private func publish(_ ids: [String], to topic: TestTopic) throws {
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        for result in try producer.publish(ids.map { fact($0, on: topic.name) }, timeout: .seconds(20)) {
            _ = try result.get()
        }
    }

    /// Those of `ids` that are left to be published to `topic`.
    private func left(of ids: [String], for topic: TestTopic, _ tail: PublishedTail) -> [String] {
        let records = ids.enumerated().map {
            RelayRecord(message: fact($1, on: topic.name), position: Int64($0), isDeadLetter: false)
        }
        return tail.without(records).map { String(decoding: $0.message.headers["ce_id"] ?? [], as: UTF8.self) }
    }

    @Test func theEndOfATopicIsReadOnceAndNoFurtherThanItsReach() throws {
        let topic = try TestTopic(partitions: 1)
        let ids = (0..<10).map { "\($0)" }
        try publish(ids, to: topic)
        var tail = PublishedTail(reach: 3)
        #expect(left(of: ids, for: topic, tail) == ids, "nothing is read yet")
        try tail.read([topic.name], kafka: topic.kafka, logger: quiet, until: StopSignal())
        #expect(left(of: ids, for: topic, tail) == Array(ids.prefix(7)))
        // What the leader itself publishes from now on isn't there to be looked for.
        try publish(["10"], to: topic)
        try tail.read([topic.name], kafka: topic.kafka, logger: quiet, until: StopSignal())
        #expect(left(of: ids + ["10"], for: topic, tail) == Array(ids.prefix(7)) + ["10"])
    }

    /// The same event may go to two topics.
    @Test func eachTopicIsLookedAtForItself() throws {
        let (one, other) = (try TestTopic(partitions: 1), try TestTopic(partitions: 1))
        try publish(["1"], to: one)
        try publish(["2"], to: other)
        var tail = PublishedTail()
        try tail.read([one.name], kafka: one.kafka, logger: quiet, until: StopSignal())
        #expect(left(of: ["1", "2"], for: one, tail) == ["2"])
        #expect(left(of: ["1", "2"], for: other, tail) == ["1", "2"])
        try tail.read([one.name, other.name, "missing-topic"], kafka: one.kafka, logger: quiet, until: StopSignal())
        #expect(left(of: ["1", "2"], for: one, tail) == ["2"])
        #expect(left(of: ["1", "2"], for: other, tail) == ["1"])
    }

    @Test func aStopEndsTheReading() throws {
        let topic = try TestTopic(partitions: 1)
        try publish(["1"], to: topic)
        let stop = StopSignal()
        stop.stop()
        var tail = PublishedTail()
        #expect(throws: PublishedTail.StoppedReading.self) {
            try tail.read([topic.name], kafka: topic.kafka, logger: quiet, until: stop)
        }
        #expect(left(of: ["1"], for: topic, tail) == ["1"])
    }

    /// A relay that is stopped before it knows what the leader before has published adds nothing to it.
    @Test func whoIsStoppedOverItPublishesNothing() throws {
        let fixture = try OutboxFixture()
        try publish(["1"], to: fixture.topic)
        let producer = try fixture.topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        let relay = Relay(
            source: .outbox, database: fixture.database, producer: producer, service: "test", logger: quiet)
        let record = RelayRecord(message: fact("2", on: fixture.topic.name), position: 2, isDeadLetter: false)
        let stop = StopSignal()
        var tail: PublishedTail? = PublishedTail()
        #expect(try relay.news(in: [record], &tail, until: stop).count == 1)
        tail = PublishedTail()
        stop.stop()
        #expect(throws: PublishedTail.StoppedReading.self) { try relay.news(in: [record], &tail, until: stop) }
    }
}
