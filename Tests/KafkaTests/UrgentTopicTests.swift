import Execution
import Kafka
import TestServers
import Testing

/// Records of urgent topics go ahead of what was fetched before them, each partition in its order, and leave others their
/// turn.
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

        // Nothing is mixed: four batches of urgent ones, then a small one of others, and so on.
        var topics: [String] = []
        var found: [String: [Int32: [Int64]]] = [:]
        func take(_ max: Int) throws {
            let batch = try member.take(max: max)
            let names = Set(batch.map(\.topic))
            #expect(names.count == 1)
            topics += names
            for record in batch {
                found[record.topic, default: [:]][record.partition, default: []].append(record.offset)
            }
            member.consumer.finish(batch)
        }
        for _ in 0..<9 { try take(5) }
        let (u, o) = (urgent.name, others.name)
        #expect(topics == [u, u, u, u, o, u, u, o, o])
        // The first of them a small part, until it is known how soon a worker is through.
        #expect(found[o]?.values.reduce(0) { $0 + $1.count } == 1 + 5 + 5)

        // The others are let in again, and urgent ones that come meanwhile go ahead of them.
        try urgent.fill(10, keys: 6)
        while found.values.reduce(0, { $0 + $1.values.reduce(0) { $0 + $1.count } }) < 4_040 { try take(400) }
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
