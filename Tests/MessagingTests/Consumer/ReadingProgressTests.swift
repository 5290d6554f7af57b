import Foundation
import Kafka
import Postgres
import TestServers
import Testing

@testable import Messaging

/// Which facts were handled, by offsets and times of records.
@Suite(.servers) struct ReadingProgressTests {
    private static let group = "readers"

    private struct Fixture {
        let topic: TestTopic
        let connection: Connection
        let progress: ReadingProgress

        init(partitions: Int = 3) throws {
            topic = try TestTopic(partitions: partitions)
            connection = try Connection(
                PostgresConfiguration(try PostgresServer.shared.get().createDatabase()), logger: quiet)
            try connection.script(MessagingSchema.consumer)
            progress = ReadingProgress(of: [group], topics: [topic.name], kafka: topic.kafka, logger: quiet)
        }

        /// - Parameter time: milliseconds since the Unix epoch.
        func publish(to partition: Int32, at time: Int64) throws {
            let producer = try topic.producer()
            defer { producer.close(timeout: .seconds(5)) }
            let record = OutgoingMessage(topic: topic.name, value: [0x7B, 0x7D], partition: partition, timestamp: time)
            for result in try producer.publish([record], timeout: .seconds(20)) { _ = try result.get() }
        }

        func move(_ partition: Int32, to next: Int64) throws {
            _ = try ConsumerOffsets.moveAhead(
                group: group, [TopicPartition(topic: topic.name, partition: partition): next], on: connection)
        }

        /// - Parameter time: milliseconds.
        func hasHandled(before time: Int64) throws -> Bool {
            try progress.hasHandled(before: time * 1_000, on: connection)
        }
    }

    @Test func whatLiesUnreadWasSaidBefore() throws {
        let fixture = try Fixture()
        try fixture.publish(to: 0, at: 1_000)
        try fixture.publish(to: 1, at: 2_000)
        try fixture.publish(to: 0, at: 3_000)
        // Nothing is older; the third partition has nothing at all.
        #expect(try fixture.hasHandled(before: 1_000))
        #expect(try !fixture.hasHandled(before: 1_001))
        try fixture.move(0, to: 1)
        #expect(try fixture.hasHandled(before: 2_000))
        #expect(try !fixture.hasHandled(before: 2_500), "one partition is behind")
        try fixture.move(1, to: 1)
        #expect(try fixture.hasHandled(before: 2_500) && fixture.hasHandled(before: 3_000))
        // However often it is asked.
        for _ in 0..<3 { #expect(try !fixture.hasHandled(before: 9_000)) }
        try fixture.move(0, to: 2)
        #expect(try fixture.hasHandled(before: 9_000))
    }

    /// The mark of a transaction's end has an offset, and no consumer ever sees it.
    @Test func whatNoConsumerSeesHoldsNothingUp() throws {
        let fixture = try Fixture(partitions: 1)
        let script = """
            import sys
            from confluent_kafka import Producer
            producer = Producer({"bootstrap.servers": sys.argv[1], "transactional.id": sys.argv[2]})
            producer.init_transactions(20)
            producer.begin_transaction()
            producer.produce(sys.argv[2], value=b"{}", partition=0)
            producer.commit_transaction(20)
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: PythonProgram.interpreter)
        process.arguments = ["-c", script, fixture.topic.kafka.bootstrapServers, fixture.topic.name]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let later = Int64(Date().timeIntervalSince1970 * 1_000) + 60_000
        #expect(try !fixture.hasHandled(before: later))
        try fixture.move(0, to: 1)
        try eventually("the mark is passed over") { try fixture.hasHandled(before: later) }
    }
}
