import Execution
import Foundation
import Kafka
import Postgres
import TestServers
import Testing

@testable import Messaging

/// Requests and their answers over a real broker.
@Suite(.blocking, .servers) struct MessageClientTests {
    /// A topic of requests, one who asks, and who answers where a test starts it.
    private final class Fixture: Sendable {
        let topic: TestTopic
        let service = "test-\(UUID())"
        let client: MessageClient
        private let stop = StopSignal()
        private let thread: DedicatedThread
        /// The requests that the answering side has worked on.
        let seen = Monitor<[String]>([])
        private let responders = Monitor<[(stop: StopSignal, thread: DedicatedThread)]>([])

        init(inFlight: Int = 100, kafka: KafkaConfiguration? = nil) throws {
            topic = try TestTopic(partitions: 2)
            var configuration = MessageClient.Configuration(service: service, instance: "one")
            configuration.inFlight = inFlight
            client = MessageClient(
                configuration, kafka: kafka ?? topic.kafka, reader: Self.reader(["Answer", RequestRefusal.type]),
                logger: quiet)
            thread = DedicatedThread.start("replies") { [client, stop] in client.run(until: stop) }
        }

        static func reader(_ types: Set<String>) -> RecordReader {
            RecordReader(types: types, content: { _ throws(MessageRejected) in nil })
        }

        func ask(
            _ text: String, id: String = "\(UUID())", tenant: String = "acme", within timeout: Duration = .seconds(20)
        ) async throws -> String {
            let request = OutgoingRequest(
                topic: topic.name, type: "Question", payload: Array("{\"text\":\"\(text)\"}".utf8),
                metadata: EventMetadata(id: id, source: "/test", time: 0, tenant: tenant, correlationID: id))
            return String(decoding: try await client.request(request, timeout: timeout).payload, as: UTF8.self)
        }

        /// Answers each question with itself, but for those that it refuses.
        func respond() throws {
            let database = try PostgresConfiguration(try PostgresServer.shared.get().createDatabase())
            let responder = RequestResponder(
                RequestResponder.Configuration(group: "\(service)-group", topic: topic.name, source: "/test"),
                kafka: topic.kafka, database: database, reader: Self.reader(["Question"]), logger: quiet
            ) { [seen] requests, connection in
                _ = try connection.query("SELECT 1")
                seen.update { $0 += requests.map { String(decoding: $0.payload, as: UTF8.self) } }
                if requests.contains(where: { $0.payload.count > 100 }) { throw CancellationError() }
                return requests.map { request in
                    request.payload.contains(UInt8(ascii: "?"))
                        ? .success(RequestResponder.Reply(type: "Answer", payload: request.payload))
                        : .failure(RequestRefusal("no question", isPassing: true))
                }
            }
            let stop = StopSignal()
            let thread = DedicatedThread.start("responder") { try? responder.run(until: stop) }
            responders.update { $0.append((stop, thread)) }
        }

        func end() {
            stop.stop()
            for responder in responders.withLock({ $0 }) { responder.stop.stop() }
            thread.join(timeout: .seconds(10))
            for responder in responders.withLock({ $0 }) { responder.thread.join(timeout: .seconds(10)) }
        }

        func topics() throws -> [String] {
            try Admin(topic.kafka, logger: quiet).topics().map(\.name).filter { $0.hasPrefix("replies.\(service).") }
        }
    }

    @Test func eachQuestionGetsItsOwnAnswer() async throws {
        let fixture = try Fixture()
        defer { fixture.end() }
        #expect(try fixture.topics().isEmpty, "nobody has asked yet")
        try fixture.respond()
        let answers = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for number in 0..<60 { group.addTask { (number, try await fixture.ask("\(number)?")) } }
            return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        #expect(answers == Dictionary(uniqueKeysWithValues: (0..<60).map { ($0, "{\"text\":\"\($0)?\"}") }))
        #expect(try fixture.topics() == [fixture.client.replyTopic])
        #expect(fixture.client.inFlight == 0 && fixture.client.dropped == MessageClient.Dropped())

        await #expect(throws: RequestError.refused("no question", isPassing: true)) { try await fixture.ask("1") }
        // What can't be answered spoils it for no other one of its batch.
        let bad = Task { try await fixture.ask(String(repeating: "x", count: 200)) }
        let good = Task { try await fixture.ask("2?") }
        #expect(try await good.value == "{\"text\":\"2?\"}")
        await #expect(throws: RequestError.refused("can't be answered", isPassing: false)) { try await bad.value }

        fixture.end()
        #expect(try fixture.topics().isEmpty, "the process's own topic goes with it")
        await #expect(throws: RequestError.abandoned) { try await fixture.ask("3?") }
    }

    @Test func whatHasPassedItsDeadlineIsNotWorkedOnAndALateAnswerIsDropped() async throws {
        let fixture = try Fixture(inFlight: 1)
        defer { fixture.end() }
        fixture.client.open()
        try eventually("the topic for answers is there before anybody asks") {
            try fixture.topics() == [fixture.client.replyTopic]
        }
        let limit = Duration.seconds(3)
        let first = Task { try await fixture.ask("first?", id: "first", within: limit) }
        try eventually("it is under way") { fixture.client.inFlight == 1 }
        await #expect(throws: RequestError.overloaded(inFlight: 1)) { try await fixture.ask("second?") }
        await #expect(throws: RequestError.late(after: limit)) { try await first.value }

        let producer = try fixture.topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        func answer(_ id: String, tenant: String) throws {
            let metadata = EventMetadata(
                id: "\(UUID())", source: "/test", time: 0, tenant: tenant, correlationID: id, causationID: id)
            let record = try OutgoingRequest.message(
                to: fixture.client.replyTopic, type: "Answer", schemaVersion: 1, payload: Array("{}".utf8), metadata)
            _ = try producer.publish([record], timeout: .seconds(20))[0].get()
        }
        try answer("first", tenant: "acme")
        try eventually("it is counted") { fixture.client.dropped.late == 1 }

        // An answer for another tenant isn't the answer.
        let third = Task { try await fixture.ask("third?", id: "third") }
        try eventually("it is under way") { fixture.client.inFlight == 1 }
        try answer("third", tenant: "globex")
        try eventually("it isn't believed") { fixture.client.dropped.unbelieved == 1 }
        try fixture.respond()
        #expect(try await third.value == "{\"text\":\"third?\"}")
        #expect(fixture.seen.withLock { $0 } == ["{\"text\":\"third?\"}"], "the first one wasn't worked on")
    }

    @Test func nobodyHangsWhileTheBrokersAreAway() async throws {
        let broker = try KafkaBroker.start()
        defer { broker.stop() }
        let kafka = KafkaConfiguration(bootstrapServers: broker.bootstrapServers, isDevBroker: true)
        let admin = try Admin(kafka, logger: quiet)
        let fixture = try Fixture(kafka: kafka)
        defer { fixture.end() }
        _ = try admin.createTopics([NewTopic(fixture.topic.name, partitions: 1, replication: 1)])
        // The first request makes the way for answers, which may take longer than an answer may.
        let first = Task { try await fixture.ask("is it open?", within: .seconds(60)) }
        let place = TopicPartition(topic: fixture.topic.name, partition: 0)
        try eventually("it is sent") { try admin.watermarks(place).high > 0 }
        first.cancel()
        await #expect(throws: RequestError.late(after: .seconds(2))) {
            try await fixture.ask("anybody?", within: .seconds(2))
        }
        try broker.kill()
        for number in 0..<5 {
            do {
                _ = try await fixture.ask("\(number)?", within: .milliseconds(300))
                Issue.record("an answer without brokers")
            } catch let error as RequestError {
                guard case .unavailable = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
        #expect(fixture.client.breaker.state != .closed)
        #expect(fixture.client.inFlight == 0)
        try broker.restart()
        try await eventually(within: .seconds(40), "requests go out again") {
            do {
                _ = try await fixture.ask("again?", within: .milliseconds(500))
                return false
            } catch let error as RequestError {
                if case .late = error { return true }
                return false
            }
        }
    }

    /// Who was killed can't delete anything: others of its service do, once it has said nothing for long.
    @Test func topicsThatWereLeftAreDeletedByTheirAge() throws {
        let topic = try TestTopic(partitions: 1)
        let admin = try Admin(topic.kafka, logger: quiet)
        let service = "swept-\(UUID())"
        func replies(_ instance: String, of service: String = service) -> ReplyTopic {
            ReplyTopic(service: service, instance: instance, replication: 1)
        }
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        let other = "\(service)-2"
        let all = [replies("alive"), replies("killed"), replies("killed", of: other)]
        for replies in all {
            _ = try replies.open(admin)
            _ = try producer.publish([replies.presence("1")], timeout: .seconds(20))[0].get()
        }
        let now = WallClock.nowMicroseconds()
        #expect(try replies("mine").abandoned(admin, at: now) == [])
        // As long after its last word as it takes; the other one has said something since.
        let later = now + ReplyTopic.abandonedAfter.microseconds + 60_000_000
        var word = replies("alive").presence("2")
        word.timestamp = later / 1_000
        _ = try producer.publish([word], timeout: .seconds(20))[0].get()
        #expect(try replies("mine").abandoned(admin, at: later) == [replies("killed").name])
        try admin.deleteTopics(all.map(\.name))
    }

    @Test func aReplyTopicHasALegalName() {
        let topic = ReplyTopic(service: "orders", instance: "api/häuser 1_2.x", replication: 1)
        #expect(topic.name == "replies.orders.api-h-user-1_2.x")
        let long = ReplyTopic(service: "orders", instance: String(repeating: "x", count: 300), replication: 1)
        #expect(long.name.utf8.count == 249)
    }
}
