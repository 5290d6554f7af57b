import Execution
import Kafka
import TestServers
import Testing

/// Faults that a mock cluster injects.
@Suite(.blocking) struct ProducerFaultTests {
    @Test(arguments: [
        [MockCluster.Fault.notLeader], [.notEnoughReplicas], [.requestTimedOut], [.disconnect],
        [.disconnect, .notLeader, .requestTimedOut, .notEnoughReplicas, .disconnect],
    ])
    func whatPassesIsRetriedOnceEachInOrder(_ faults: [MockCluster.Fault]) throws {
        let mock = try MockCluster(logger: quiet)
        let topic = try TestTopic(mock: mock)
        let producer = try topic.producer { $0.kafka.properties["retry.backoff.ms"] = "10" }
        defer { producer.close(timeout: .seconds(5)) }
        _ = try producer.publish(topic.messages(1), timeout: .seconds(20))
        mock.fail(.produce, with: faults)
        for start in stride(from: 1, to: 501, by: 100) {
            for result in try producer.publish(topic.messages(100, from: start), timeout: .seconds(20)) {
                _ = try result.get()
            }
        }
        #expect(try topic.contents().map(\.number) == Array(0..<501))
    }

    @Test func aLeaderThatMovesIsFollowed() throws {
        let mock = try MockCluster(brokers: 3, logger: quiet)
        let topic = try TestTopic(mock: mock)
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        for (round, leader) in [Int32(1), 2, 3, 1].enumerated() {
            mock.setLeader(leader, of: topic.partition(0))
            for result in try producer.publish(topic.messages(50, from: round * 50), timeout: .seconds(20)) {
                _ = try result.get()
            }
        }
        #expect(try topic.contents().map(\.number) == Array(0..<200))
    }

    @Test func aBrokerThatIsDownFillsTheQueueAndThePublisherHearsOfIt() throws {
        let mock = try MockCluster(logger: quiet)
        let topic = try TestTopic(mock: mock)
        let producer = try topic.producer { $0.queueMessages = 100 }
        defer { producer.close(timeout: .seconds(5)) }
        _ = try producer.publish(topic.messages(1), timeout: .seconds(20))
        mock.takeDown()
        let error = #expect(throws: KafkaError.self) {
            try producer.publish(topic.messages(1_000, from: 1), timeout: .milliseconds(300))
        }
        #expect(error?.isRetriable == true)
        #expect(producer.queued == 100)
        mock.bringUp()
        // What it had taken still arrives, once and in order.
        #expect(producer.flush(timeout: .seconds(20)))
        #expect(try topic.contents().map(\.number) == Array(0..<101))
    }

    @Test func aStoppedPublisherDoesNotWaitOn() throws {
        let mock = try MockCluster(logger: quiet)
        let topic = try TestTopic(mock: mock)
        let producer = try topic.producer()
        mock.takeDown()
        let stop = StopSignal()
        let ended = Monitor(false)
        DedicatedThread.start("publisher") {
            _ = try? producer.publish(topic.messages(10), timeout: .seconds(600), until: stop)
            ended.update { $0 = true }
        }
        try eventually("the records are queued") { producer.queued == 10 }
        stop.stop()
        #expect(ended.wait(for: .seconds(20)) { $0 ? true : nil } == true)
        producer.close(timeout: .zero)
    }

    @Test func closingReportsWhatWasNotDelivered() throws {
        let mock = try MockCluster(logger: quiet)
        let topic = try TestTopic(mock: mock)
        let producer = try topic.producer()
        mock.takeDown()
        let outcome = Monitor<[Result<Delivery, KafkaError>]?>(nil)
        DedicatedThread.start("publisher") {
            let results = try? producer.publish(topic.messages(10), timeout: .seconds(600))
            outcome.update { $0 = results ?? [] }
        }
        try eventually("the records are queued") { producer.queued == 10 }
        producer.close(timeout: .milliseconds(50))
        let results = outcome.wait(for: .seconds(20)) { $0 } ?? []
        #expect(results.count == 10)
        for result in results { #expect(throws: KafkaError.self) { try result.get() } }
    }

    @Test func aProducerThatLostItsPlaceFailsWhatIsOpenAndStartsAnew() throws {
        let mock = try MockCluster(logger: quiet)
        let topic = try TestTopic(mock: mock)
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(1)) }
        _ = try producer.publish(topic.messages(1), timeout: .seconds(20))
        mock.fail(.produce, with: [.outOfOrderSequence])
        // Fails as a whole or record by record: librdkafka reports the records before it declares itself dead.
        if let results = try? producer.publish(topic.messages(5, from: 1), timeout: .seconds(20)) {
            for result in results { #expect(throws: KafkaError.self) { try result.get() } }
        }
        try eventually("the client is dead") { producer.fatalError != nil }
        #expect(producer.fatalError?.name == "OUT_OF_ORDER_SEQUENCE_NUMBER")
        #expect(producer.fatalError?.isFatal == true)
        #expect(producer.fatalError?.isRetriable == false)
        for result in try producer.publish(topic.messages(5, from: 1), timeout: .seconds(20)) { _ = try result.get() }
        #expect(producer.fatalError == nil)
        #expect(try topic.contents().map(\.number) == Array(0..<6))
    }
}
