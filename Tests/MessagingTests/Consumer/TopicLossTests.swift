import Kafka
import Postgres
import TestServers
import Testing

@testable import Messaging

/// A topic that holds less than the group has read: nothing new is passed over, nothing is done twice.
@Suite(.servers) struct TopicLossTests {
    /// The topic is made anew.
    private func lose(_ fixture: ConsumerFixture) throws {
        let admin = try Admin(fixture.topic.kafka, logger: quiet)
        try admin.deleteTopics([fixture.topic.name])
        try eventually("the topic is gone") { try admin.topics(named: fixture.topic.name).isEmpty }
        try admin.createTopics([NewTopic(fixture.topic.name, partitions: fixture.topic.partitions, replication: 1)])
        // The old one goes on counting where the broker has forgotten it.
        fixture.producer = try fixture.topic.producer()
    }

    private func setback(_ runner: ConsumerRunner) throws -> String {
        try eventually("it says so") { runner.currentStatus.setback != nil }
        return runner.currentStatus.setback?.reason ?? ""
    }

    @Test func aStoppedGroupReadsANewTopicFromItsBeginning() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        // With ids and without: the latter are known by where they lie.
        for number in 0..<20 { try fixture.publish("a", "{\"n\":\(number)}", id: number < 5 ? nil : "id-\(number)") }
        try eventually("the old ones are handled") { try fixture.notes().count == 20 }
        fixture.end()
        try lose(fixture)
        // One that was handled before, by its id; two that lie where others lay.
        try fixture.publish("a", "{\"n\":7}", id: "id-7")
        try fixture.publish("a", "{\"n\":20}")
        try fixture.publish("a", "{\"n\":21}", id: "id-21")
        let runner = fixture.start()
        try eventually("the new ones are handled") { try fixture.notes().count >= 22 }
        #expect(try setback(runner).contains("ends at 3, 20 was read"))
        try fixture.publish("a", "{\"n\":22}")
        try eventually("and so is the next one") { try fixture.notes().count >= 23 }
        #expect(try fixture.notes() == (0..<23).map { "{\"n\":\($0)}" })
        let next = try ConsumerProgress.nextOffsets(of: fixture.group, on: fixture.connect())
        #expect(next.values.max() == 4)
    }

    @Test func aRunningGroupNotices() throws {
        let fixture = try ConsumerFixture()
        let runner = fixture.start(instance: "one")
        for number in 0..<20 { try fixture.publish("a", "{\"n\":\(number)}") }
        try eventually("the old ones are handled") { try fixture.notes().count == 20 }
        try lose(fixture)
        for number in 20..<25 { try fixture.publish("a", "{\"n\":\(number)}") }
        try eventually(within: .seconds(60), "the new ones are handled") { try fixture.notes().count >= 25 }
        #expect(try fixture.notes() == (0..<25).map { "{\"n\":\($0)}" })
        #expect(try setback(runner).contains("read again from 0"))
    }

    /// The letter of a record that is gone keeps what it says; the record in its place gets its own.
    @Test func aLetterIsNotTakenForThatOfALaterRecord() throws {
        let fixture = try ConsumerFixture()
        fixture.start()
        try fixture.publish("bad", "{\"rejected\":true,\"n\":1}")
        try fixture.publish("bad", "{\"n\":2}")
        let connection = try fixture.connect()
        let filter = DeadLetterQueue.Filter(group: fixture.group, includesParked: true)
        try eventually("one is dead, one waits") { try DeadLetterQueue.list(filter, on: connection).count == 2 }
        fixture.end()
        try lose(fixture)
        try fixture.publish("bad", "{\"n\":3}")
        fixture.start()
        try eventually("the new one waits behind them") { try DeadLetterQueue.list(filter, on: connection).count == 3 }
        let letters = try DeadLetterQueue.list(filter, on: connection)
        #expect(letters.map(\.status) == ["parked", "parked", "dead"])
        #expect(letters.last?.value.map { String(decoding: $0, as: UTF8.self) }?.contains("rejected") == true)
        fixture.ledger.isHealed.update { $0 = true }
        try DeadLetterQueue.decide(.retry, letters[2].id, .init(by: .mo, note: "in a test"), on: connection)
        try eventually("all are handled") { try fixture.notes().count == 3 }
        #expect(try fixture.notes() == ["{\"rejected\":true,\"n\":1}", "{\"n\":2}", "{\"n\":3}"])
    }
}
