import Execution
import Kafka
import TestServers
import Testing

@Suite(.blocking) struct ProducerTests {
    @Test(.servers) func recordsOfAKeyKeepTheirOrderAndReportsSayWhereTheyLie() throws {
        let topic = try TestTopic(partitions: 4)
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        var deliveries: [Delivery] = []
        for start in stride(from: 0, to: 3_000, by: 500) {
            let results = try producer.publish(topic.messages(500, keys: 17, from: start), timeout: .seconds(20))
            deliveries += try results.map { try $0.get() }
        }
        let records = try topic.contents()
        #expect(records.count == 3_000)
        for record in records {
            #expect(deliveries[record.number].partition == record.partition)
            #expect(deliveries[record.number].offset == record.offset)
        }
        for (_, ofKey) in Dictionary(grouping: records, by: \.key) {
            #expect(Set(ofKey.map(\.partition)).count == 1)
            #expect(ofKey.map(\.number) == ofKey.map(\.number).sorted())
        }
        #expect(Set(records.map(\.partition)).count == 4)
    }

    @Test(.servers) func nullAndEmptyAreDifferentAndHeadersKeepOrderAndRepeats() throws {
        let topic = try TestTopic()
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        let headers: KafkaHeaders = [
            KafkaHeader("a", Array("1".utf8)), KafkaHeader("b", []), KafkaHeader("a", Array("2".utf8)),
        ]
        let sent = [
            OutgoingMessage(topic: topic.name, key: nil, value: nil),
            OutgoingMessage(topic: topic.name, key: [], value: [], headers: headers),
            OutgoingMessage(topic: topic.name, key: [0, 255], value: [0], timestamp: 1_700_000_000_123),
        ]
        for result in try producer.publish(sent, timeout: .seconds(20)) { _ = try result.get() }
        let reader = try PartitionReader(topic.kafka, [topic.partition(0): 0..<3], logger: quiet)
        var got: [OutgoingMessage] = []
        try eventually("three records") {
            for message in (try reader.nextBatch(max: 10, timeout: .milliseconds(200))).map({ Array($0) }) ?? [] {
                // They can be read again afterwards, as often as somebody wants to.
                for _ in 0..<2 {
                    _ = message.headers
                    message.releaseHeaders()
                }
                got.append(
                    OutgoingMessage(
                        topic: message.topic, key: message.key.map { Array($0) },
                        value: message.isTombstone ? nil : Array(message.value), headers: KafkaHeaders(message.headers),
                        timestamp: message.timestamp))
            }
            return got.count == 3
        }
        #expect(got.map(\.key) == sent.map(\.key))
        #expect(got.map(\.value) == sent.map(\.value))
        #expect(got.map(\.headers) == sent.map(\.headers))
        #expect(got[2].timestamp == 1_700_000_000_123)
        #expect(reader.isFinished)
    }

    @Test func headersAreFoundAndReplacedWhereTheyStand() {
        var headers = KafkaHeaders()
        #expect(headers.isEmpty)
        headers.append("a", "1")
        headers.append("empty", "")
        headers.append("a", "2")
        headers.append("é", "ü")
        #expect(headers.count == 4)
        #expect(headers["a"] == Array("2".utf8), "the last of them")
        #expect(headers["empty"] == [])
        #expect(headers["b"] == nil)
        headers.replace("empty", with: "full")
        #expect(
            headers == [
                KafkaHeader("a", Array("1".utf8)), KafkaHeader("empty", Array("full".utf8)),
                KafkaHeader("a", Array("2".utf8)), KafkaHeader("é", Array("ü".utf8)),
            ])
    }

    @Test(.servers) func aFullQueueMakesPublishWaitAndKeepsTheOrder() throws {
        let topic = try TestTopic()
        let producer = try topic.producer { $0.queueMessages = 50 }
        defer { producer.close(timeout: .seconds(5)) }
        let results = try producer.publish(topic.messages(2_000), timeout: .seconds(30))
        #expect(try results.map { try $0.get().offset } == Array(0..<2_000))
        #expect(try topic.contents().map(\.number) == Array(0..<2_000))
    }

    @Test(.servers) func aRecordThatIsTooLargeFailsAlone() throws {
        let topic = try TestTopic()
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        var messages = topic.messages(3)
        messages[1].value = [UInt8](repeating: 65, count: 2_000_000)
        let results = try producer.publish(messages, timeout: .seconds(20))
        guard case .failure(let error) = results[1] else {
            Issue.record("2 MB were taken")
            return
        }
        #expect(error.name == "MSG_SIZE_TOO_LARGE")
        #expect(!error.isRetriable)
        #expect(try topic.contents().map(\.number) == [0, 2])
    }

    /// The dev broker forgets producers when it restarts, which Kafka doesn't: then what wasn't acknowledged is
    /// published again, as the relay does, and only that may come twice.
    @Test(.servers) func aBrokerThatGoesAndComesBackLosesNothingAndSwapsNothing() throws {
        let broker = try KafkaBroker.start()
        defer { broker.stop() }
        let topic = try TestTopic(partitions: 2, on: broker)
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        let repeated = Monitor<Set<Int>>([])
        let publish = { @Sendable (start: Int) in
            while true {
                let results = try? producer.publish(topic.messages(20, keys: 5, from: start), timeout: .seconds(40))
                if results?.allSatisfy({ (try? $0.get()) != nil }) ?? false { return }
                repeated.withLock { $0.formUnion(start..<start + 20) }
            }
        }
        var next = 0
        for _ in 1...2 {
            publish(next)
            // Away before anything more is on its way: this broker may forget what it acknowledges while it stops.
            try broker.kill()
            let first = next + 20
            let thread = DedicatedThread.start("publisher") {
                for start in stride(from: first, to: first + 1_000, by: 20) { publish(start) }
            }
            try eventually("records wait for the broker") { producer.queued == 20 }
            try broker.restart()
            #expect(thread.join(timeout: .seconds(60)))
            next = first + 1_000
        }
        let records = try topic.contents()
        #expect(Set(records.map(\.number)) == Set(0..<next))
        let again = repeated.withLock { $0 }
        for (_, ofKey) in Dictionary(grouping: records, by: \.key) {
            var seen: Set<Int> = []
            let first = ofKey.map(\.number).filter { seen.insert($0).inserted }
            #expect(first == first.sorted())
            let twice = Dictionary(grouping: ofKey.map(\.number), by: \.self).filter { $0.value.count > 1 }
            #expect(again.isSuperset(of: twice.keys))
        }
    }

    /// The dev broker makes topics on demand, as many of Kafka's do.
    @Test(.servers) func publishingMakesNoTopic() throws {
        var topic = try TestTopic()
        topic = topic.named("\(topic.name)-nowhere")
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        producer.prepare(topics: [topic.name], timeout: .seconds(2))
        let results = try producer.publish(topic.messages(3), timeout: .seconds(30))
        for result in results {
            guard case .failure(let error) = result else {
                Issue.record("published to a topic that nobody has made")
                continue
            }
            #expect(error.isMissingTopic && error.isRetriable && error.message.contains(topic.name), "\(error)")
        }
        let admin = try Admin(topic.kafka, logger: quiet)
        #expect(try admin.topics(named: topic.name).isEmpty)
        try admin.createTopics([NewTopic(topic.name, partitions: 1, replication: 1)])
        // The producer looks for it once a second; until then its records fail, all of them.
        try eventually("the topic is found") {
            try producer.publish(topic.messages(3), timeout: .seconds(30)).allSatisfy { (try? $0.get()) != nil }
        }
        #expect(try topic.contents().map(\.number) == [0, 1, 2])
    }

    @Test(.servers) func publishingAfterCloseIsRefusedAtOnce() throws {
        let topic = try TestTopic()
        let producer = try topic.producer()
        producer.close(timeout: .seconds(5))
        producer.close(timeout: .seconds(5))
        #expect(throws: KafkaError.self) { try producer.publish(topic.messages(1), timeout: .seconds(30)) }
    }
}
