import Execution
import Kafka
import TestServers
import Testing

/// Records of urgent topics wait apart from what was fetched before them, each partition in its order.
@Suite(.blocking, .servers) struct UrgentTopicTests {
    @Test func urgentRecordsOvertakeAFullBufferAndOthersHaveTheirTurn() throws {
        let (others, urgent) = (try TestTopic(partitions: 2, "others"), try TestTopic(partitions: 2, "urgent"))
        try others.fill(4_000, keys: 40)
        let member = try TestMember(others) {
            $0.topics.append(urgent.name)
            $0.urgentTopics = [urgent.name]
            $0.bufferMessages = 500
        }
        defer { member.close() }
        try eventually("the buffer is full of others") { member.consumer.buffered.messages >= 500 }
        let full = member.consumer.buffered.messages
        try urgent.fill(30, keys: 6)
        try eventually("the urgent ones are there nevertheless") { member.consumer.buffered.messages == full + 30 }

        // Nothing is mixed, and a batch of others that is in hand holds no urgent one up.
        var found: [String: [Int32: [Int64]]] = [:]
        func take(_ max: Int, urgent isUrgent: Bool) throws -> MessageBatch {
            let batch = try member.take(max: max, urgent: isUrgent)
            #expect(Set(batch.map(\.topic)) == [isUrgent ? urgent.name : others.name])
            for record in batch {
                found[record.topic, default: [:]][record.partition, default: []].append(record.offset)
            }
            return batch
        }
        let inHand = try take(200, urgent: false)
        for _ in 0..<6 { member.consumer.finish(try take(5, urgent: true)) }
        #expect(try member.consumer.nextBatch(max: 5, urgent: true, timeout: .zero) == nil)
        member.consumer.finish(inHand)

        // The others are let in again, and urgent ones that come meanwhile don't stand behind them.
        try urgent.fill(10, keys: 6)
        var left = 10
        while left > 0 {
            let batch = try take(400, urgent: true)
            left -= batch.count
            member.consumer.finish(batch)
        }
        while found[others.name, default: [:]].values.reduce(0, { $0 + $1.count }) < 4_000 {
            member.consumer.finish(try take(400, urgent: false))
        }
        for (_, partitions) in found {
            for (_, offsets) in partitions { #expect(offsets == Array(0..<Int64(offsets.count))) }
        }
    }

    /// Partitions of both kinds move between members, and nothing is lost or doubled.
    @Test func urgentPartitionsMoveAsOthersDo() throws {
        let (others, urgent) = (try TestTopic(partitions: 2, "others"), try TestTopic(partitions: 2, "urgent"))
        let offsets = GroupOffsets()
        func member() throws -> TestMember {
            try TestMember(others, offsets: offsets) {
                $0.topics.append(urgent.name)
                $0.urgentTopics = [urgent.name]
            }
        }
        try others.fill(500, keys: 20)
        try urgent.fill(500, keys: 20)
        let first = try member()
        try first.read(until: 600)
        let second = try member()
        let stop = StopSignal()
        let reading = [first.readOn(until: stop), second.readOn(until: stop)]
        try eventually(within: .seconds(60), "both have partitions") {
            first.listener.now.owned.count == 2 && second.listener.now.owned.count == 2
        }
        try others.fill(200, keys: 20)
        try urgent.fill(200, keys: 20)
        try eventually(within: .seconds(60), "all is read") {
            first.records.count + second.records.count >= 1_400
        }
        stop.stop()
        for thread in reading { thread.join() }
        #expect(first.records.count + second.records.count == 1_400)
        first.close()
        second.close()
    }
}
