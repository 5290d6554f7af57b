import Testing

@testable import OrderflowKit

/// What is read from librdkafka's statistics, as STATISTICS.md has them.
@Suite struct KafkaStatisticsTests {
    private func parse(partition: String) -> KafkaStatistics? {
        KafkaStatistics(
            json: """
                {"name":"rdkafka#consumer-1","ts":1,"replyq":2,"msg_cnt":3,"msg_size":4,"txmsgs":5,"txmsg_bytes":6,
                 "rxmsgs":7,"rxmsg_bytes":8,"brokers":{"b:9092/1":{"name":"b:9092/1","nodeid":1,"state":"UP",
                 "waitresp_cnt":9,"txerrs":10,"txretries":11,"req_timeouts":12,"rxerrs":13,"disconnects":14,
                 "rtt":{"min":1,"avg":1500,"p99":9000},"throttle":{"avg":20,"p99":30},"req":{"Fetch":1}}},
                 "topics":{"t":{"topic":"t","age":1,"batchsize":{"avg":1},"partitions":{"0":\(partition)}}},
                 "cgrp":{"state":"up","rebalance_cnt":15},"eos":{"idemp_state":"Init"}}
                """)
    }

    @Test func itReadsWhatOperatorsAskFor() throws {
        let statistics = try #require(parse(partition: #"{"partition":0,"fetch_state":"active","consumer_lag":42}"#))
        #expect(statistics.replyQueue == 2)
        #expect(statistics.queuedMessages == 3)
        #expect(statistics.queuedBytes == 4)
        #expect(statistics.sentMessages == 5)
        #expect(statistics.sentBytes == 6)
        #expect(statistics.receivedMessages == 7)
        #expect(statistics.receivedBytes == 8)
        #expect(statistics.rebalances == 15)
        var broker = KafkaStatistics.Broker()
        (broker.name, broker.nodeID, broker.state) = ("b:9092/1", 1, "UP")
        (broker.requestsInFlight, broker.sendErrors, broker.retries) = (9, 10, 11)
        (broker.timeouts, broker.receiveErrors, broker.disconnects) = (12, 13, 14)
        broker.roundTrip = KafkaStatistics.Window(average: 1_500, p99: 9_000)
        broker.throttle = KafkaStatistics.Window(average: 20, p99: 30)
        #expect(statistics.brokers == [broker])
        #expect(
            statistics.partitions == [
                KafkaStatistics.Partition(topic: "t", partition: 0, lag: 42, fetchState: "active")
            ])
    }

    @Test(arguments: [
        // What librdkafka knows counts, even where a fetch is ahead of it.
        (#"{"consumer_lag":5,"hi_offset":100,"next_offset":100}"#, 5),
        // Nothing committed yet: from the next fetch to the end.
        (#"{"consumer_lag":-1,"hi_offset":100,"next_offset":97}"#, 3),
        (#"{"hi_offset":100,"consumer_lag":-1,"next_offset":101}"#, 0),
        // Not even fetched: unknown.
        (#"{"consumer_lag":-1,"hi_offset":-1001,"next_offset":7}"#, -1),
        (#"{"consumer_lag":-1,"hi_offset":100,"next_offset":-1001}"#, -1),
    ])
    func lagIsKnownAsSoonAsItCanBe(partition: String, lag: Int64) throws {
        #expect(try #require(parse(partition: partition)).partitions.first?.lag == lag)
    }

    @Test(arguments: [#"{"fetch_state":"none","consumer_lag":9}"#, #"{"fetch_state":"stopped","consumer_lag":9}"#])
    func partitionsThatWentElsewhereDoNotCount(partition: String) throws {
        #expect(try #require(parse(partition: partition)).partitions.first?.isFetched == false)
    }

    @Test(arguments: ["", "{", "[]", #"{"msg_cnt":"many"}"#, #"{"brokers":{"b":7}}"#])
    func anythingElseIsNone(text: String) {
        #expect(KafkaStatistics(json: text) == nil)
    }
}
