import Execution
import Kafka
import TestServers
import Testing

@Suite(.blocking) struct ConsumerTests {
    @Test(.servers) func aNewMemberGoesOnWhereTheLastOneCommitted() throws {
        let topic = try TestTopic()
        try topic.fill(300)
        let first = try TestMember(topic)
        first.finish(try first.take(max: 40))
        // Read, but not committed: it comes again.
        let open = try first.take(max: 40)
        first.consumer.finish(open)
        first.close()
        let second = try TestMember(topic)
        defer { second.close() }
        try second.read(until: 260)
        #expect(second.records.map(\.number) == Array(40..<300))
    }

    @Test(.servers) func theListenerSaysWherePartitionsStart() throws {
        let topic = try TestTopic(partitions: 3)
        try topic.fill(900, keys: 60)
        let starts = [topic.partition(0): Int64(7), topic.partition(1): 100]
        let member = try TestMember(topic, listener: RecordingListener(starts: starts))
        defer { member.close() }
        let total = try topic.contents().count - 107
        try member.read(until: total)
        #expect(member.offsets.mapValues { $0.first } == [0: 7, 1: 100, 2: 0])
        for (_, offsets) in member.offsets { #expect(offsets == Array(offsets[0]..<offsets[0] + Int64(offsets.count))) }
    }

    @Test(.servers) func partitionsWaitUntilTheListenerKnowsWhereTheyStart() throws {
        let topic = try TestTopic(partitions: 2)
        try topic.fill(200, keys: 20)
        let starts = [topic.partition(0): Int64(11), topic.partition(1): 13]
        let member = try TestMember(topic, listener: RecordingListener(starts: starts, refusals: 3))
        defer { member.close() }
        try member.read(until: 176)
        #expect(member.offsets.mapValues { $0.first } == [0: 11, 1: 13])
        #expect(member.records.count == 176)
        #expect(member.listener.now.events.count >= 4)
    }

    /// librdkafka would go to the beginning without a word.
    @Test(.servers) func aPartitionThatFallsBackEndsTheMember() throws {
        let topic = try TestTopic()
        try topic.fill(20)
        let member = try TestMember(topic)
        defer { member.close() }
        try member.read(until: 20)
        let admin = try Admin(topic.kafka, logger: quiet)
        try admin.deleteTopics([topic.name])
        try eventually("the topic is gone") { try admin.topics(named: topic.name).isEmpty }
        try admin.createTopics([NewTopic(topic.name, partitions: 1, replication: 1)])
        try topic.fill(3)
        let error = try member.readUntilItFails()
        #expect(error.isFatal)
        #expect(error.message.contains("\(topic.name)/0 has fallen back behind offset 20"), "\(error)")
        #expect(member.records.count == 20)
    }

    @Test(.servers) func aMoveOfPartitionsWaitsForBatchesInHand() throws {
        let topic = try TestTopic(partitions: 4)
        try topic.fill(2_000, keys: 100)
        let finished = Monitor(false)
        let early = Monitor(false)
        let offsets = GroupOffsets()
        let listener = RecordingListener(
            offsets: offsets, onRevoke: { if !finished.withLock({ $0 }) { early.update { $0 = true } } })
        let first = try TestMember(topic, offsets: offsets, listener: listener) { $0.revokeTimeout = .seconds(30) }
        // All partitions are in hand.
        var held: [MessageBatch] = []
        try eventually("a batch of every partition") {
            if let batch = try first.consumer.nextBatch(max: 2_000, timeout: .milliseconds(100)) { held.append(batch) }
            return Set(held.flatMap { $0.map(\.partition) }).count == 4
        }
        let second = try TestMember(topic, offsets: offsets)
        let stop = StopSignal()
        let reading = second.readOn(until: stop)
        // The group waits for the first member's revoke, which waits for us.
        try eventually(within: .seconds(60), "the first member is asked for partitions") {
            first.consumer.buffered.messages == 0
        }
        #expect(second.listener.now.owned.isEmpty)
        finished.update { $0 = true }
        for batch in held { first.finish(batch) }
        try eventually(within: .seconds(60), "partitions move") {
            first.listener.now.owned.count == 2 && second.listener.now.owned.count == 2
        }
        #expect(!early.withLock { $0 })
        // Nothing that the first member was through with comes again.
        let done = Set(held.flatMap { $0.map { Record($0) } })
        try topic.fill(100, keys: 100)
        let total = try topic.contents().count
        let thread = first.readOn(until: stop)
        try eventually("everything is read") {
            done.union(first.records).union(second.records).count == total
        }
        stop.stop()
        reading.join()
        thread.join()
        #expect(done.count + first.records.count + second.records.count == total)
        first.close()
        second.close()
    }

    @Test(.waiting) func aSlowHandlerIsNotThrownOut() throws {
        // A real broker's lowest session timeout is longer, and the poll interval isn't shorter than that.
        let mock = try MockCluster(logger: quiet)
        let topic = try TestTopic(mock: mock)
        try topic.fill(100)
        let member = try TestMember(topic) {
            $0.kafka.properties = [
                "session.timeout.ms": "4000", "heartbeat.interval.ms": "200", "max.poll.interval.ms": "4000",
            ]
        }
        defer { member.close() }
        let batch = try member.take(max: 10)
        // Longer than a poll loop may take: it is the passing of time that is tried.
        StopSignal().wait(for: .milliseconds(5_500))
        #expect(member.listener.now.events == [.assigned([topic.partition(0)])])
        try member.consumer.commitSync([topic.partition(0): 10])
        member.consumer.finish(batch)
        try member.read(until: 100)
        #expect(member.records.map(\.number) == Array(0..<100))
    }

    /// Where some partitions' share fills an answer, the others of a backlog may starve.
    @Test(.servers) func anAnswerHasRoomForEachPartitionOfATopic() throws {
        let (topic, asked) = (try TestTopic(partitions: 12), Monitor<[FetchLimits]>([]))
        try topic.fill(240, keys: 60)
        let proxy = try BrokerProxy(to: KafkaBroker.shared.get()) { request in
            if request.api == FetchLimits.api { asked.withLock { $0.append(FetchLimits(request)) } }
            return .pass
        }
        defer { proxy.close() }
        let member = try TestMember(topic.through(proxy))
        defer { member.close() }
        try member.read(until: 240)
        let all = try #require(asked.withLock { $0 }.max { $0.partitions.count < $1.partitions.count })
        #expect(Set(all.partitions.keys) == Set(0..<12))
        #expect(all.partitions.values.reduce(0, +) <= all.all)
    }

    /// A batch that is larger comes only where nothing of other partitions stands before it.
    @Test(.servers) func aProducersBatchIsNoMoreThanIsAskedOfAPartition() throws {
        let topic = try TestTopic()
        let (produced, asked) = (Monitor<[Int]>([]), Monitor<[Int32]>([]))
        let proxy = try BrokerProxy(to: KafkaBroker.shared.get()) { request in
            if request.api == MockCluster.Request.produce.rawValue {
                produced.withLock { $0.append(request.bytes.count) }
            }
            if request.api == FetchLimits.api { asked.withLock { $0 += FetchLimits(request).partitions.values } }
            return .pass
        }
        defer { proxy.close() }
        let producer = try topic.through(proxy).producer()
        defer { producer.close(timeout: .seconds(5)) }
        let value = [UInt8](repeating: UInt8(ascii: "x"), count: 900)
        let messages = (0..<1_000).map { _ in OutgoingMessage(topic: topic.name, key: nil, value: value, partition: 0) }
        for result in try producer.publish(messages, timeout: .seconds(30)) { _ = try result.get() }
        let member = try TestMember(topic.through(proxy))
        defer { member.close() }
        try member.read(until: 1_000)
        let (largest, share) = (produced.withLock { $0.max() ?? 0 }, asked.withLock { Int($0.min() ?? 0) })
        #expect(largest <= share)
        #expect(largest > share / 2, "what one publication puts out comes in few batches")
    }

    /// Batches that producers of others made too large. The mock's answers have one of each partition, in the order in which
    /// they are asked for, until they are full: three of six partitions.
    @Test func noPartitionWaitsForTheBacklogOfOthers() throws {
        let mock = try MockCluster(logger: quiet)
        let topic = try TestTopic(partitions: 6, mock: mock)
        let producer = try topic.producer {
            $0.kafka.properties["batch.size"] = "1000000"
            $0.linger = .milliseconds(200)
        }
        defer { producer.close(timeout: .seconds(5)) }
        let value = [UInt8](repeating: UInt8(ascii: "x"), count: 80)
        let (each, partitions) = (40_000, Int32(6))
        for partition in 0..<partitions {
            let messages = (0..<each).map { _ in
                OutgoingMessage(topic: topic.name, key: nil, value: value, partition: partition)
            }
            for result in try producer.publish(messages, timeout: .seconds(30)) { _ = try result.get() }
        }
        let member = try TestMember(topic) { $0.kafka.properties["heartbeat.interval.ms"] = "100" }
        defer { member.close() }
        var (read, next, outOfOrder) = (0, [Int32: Int64](), 0)
        func readOn() throws {
            guard let batch = try member.next(max: 1_000, timeout: .milliseconds(100)) else { return }
            read += batch.count
            for record in batch {
                if record.offset != next[record.partition, default: 0] { outOfOrder += 1 }
                next[record.partition] = record.offset + 1
            }
            member.consumer.finish(batch)
        }
        try eventually("all partitions have been heard of") {
            try readOn()
            return next.count == Int(partitions)
        }
        #expect(read < 3 * each, "before those that came first are at their ends")
        try eventually("all is read") {
            try readOn()
            return next.values.allSatisfy { $0 == Int64(each) }
        }
        #expect(outOfOrder == 0 && read == each * Int(partitions))
    }

    /// A batch that exceeds a partition's share of an answer.
    @Test(.servers) func aLargeBatchComesWhole() throws {
        let topic = try TestTopic(partitions: 2)
        let producer = try topic.producer()
        defer { producer.close(timeout: .seconds(5)) }
        let large = [UInt8](repeating: UInt8(ascii: "x"), count: 600_000)
        let messages = (0..<6).map { OutgoingMessage(topic: topic.name, key: nil, value: large, partition: $0 % 2) }
        for result in try producer.publish(messages, timeout: .seconds(30)) { _ = try result.get() }
        let member = try TestMember(topic)
        defer { member.close() }
        try member.read(until: 6)
        #expect(member.records.allSatisfy { $0.value?.utf8.count == large.count })
    }

    @Test(.servers) func aFullBufferPausesAndNothingIsLostOrDoubled() throws {
        let topic = try TestTopic(partitions: 2)
        try topic.fill(9_000, keys: 100)
        let member = try TestMember(topic) { $0.bufferMessages = 300 }
        defer { member.close() }
        for round in 1...3 {
            // Longer than the patience of a full buffer, so that partitions are paused.
            try eventually("the buffer is full") { member.consumer.buffered.messages >= 300 }
            StopSignal().wait(for: .milliseconds(1_200))
            // One fetch beyond the limit at most.
            #expect(member.consumer.buffered.messages < 300 + 1_000)
            try member.read(until: round * 2_000, max: 77)
        }
        try member.read(until: 9_000)
        for (_, offsets) in member.offsets { #expect(offsets == Array(0..<Int64(offsets.count))) }
        #expect(member.records.count == 9_000)
    }

    @Test(.servers) func aPartitionThatLeftWhilePausedFlowsWhenItComesBack() throws {
        let topic = try TestTopic(partitions: 2)
        try topic.fill(4_000, keys: 100)
        let first = try TestMember(topic) { $0.bufferMessages = 100 }
        defer { first.close() }
        try eventually("the buffer is full") { first.consumer.buffered.messages >= 100 }
        StopSignal().wait(for: .milliseconds(1_200))
        let second = try TestMember(topic)
        try eventually(within: .seconds(60), "partitions move") {
            second.listener.now.owned.count == 1 && first.listener.now.owned.count == 1
        }
        second.close()
        try eventually(within: .seconds(60), "partitions come back") { first.listener.now.owned.count == 2 }
        try first.read(until: 4_000)
        #expect(Set(first.records).count == 4_000)
    }

    /// Who waited for records takes those of a bunch together; what is there already waits for nothing.
    @Test(.servers) func theFirstOfABunchWaitsForTheOthers() throws {
        let topic = try TestTopic()
        let member = try TestMember(topic)
        defer { member.close() }
        try topic.fill(1)
        try eventually("it was fetched") { member.consumer.buffered.messages == 1 }
        let first = try #require(
            try member.consumer.nextBatch(max: 10, gathering: .seconds(3_600), timeout: .seconds(20)))
        #expect(first.count == 1)
        member.consumer.finish(first)
        let consumer = member.consumer
        let taken = Monitor<[Int]>([])
        let thread = DedicatedThread.start("taker") {
            guard let batch = try? consumer.nextBatch(max: 3, gathering: .seconds(60), timeout: .seconds(60))
            else { return }
            taken.update { $0.append(batch.count) }
            consumer.finish(batch)
        }
        for count in 1...2 {
            try topic.fill(1)
            try eventually("it waits for the others") { consumer.buffered.messages == count }
        }
        try topic.fill(1)
        thread.join()
        #expect(taken.withLock { $0 } == [3])
    }

    @Test(.servers) func closingWaitsForTheBatchInHand() throws {
        let topic = try TestTopic()
        try topic.fill(100)
        let member = try TestMember(topic)
        let batch = try member.take(max: 10)
        let closed = Monitor(false)
        DedicatedThread.start("closer") {
            member.close()
            closed.update { $0 = true }
        }
        try eventually("no more batches come") {
            guard let more = try member.consumer.nextBatch(max: 10, timeout: .milliseconds(10)) else { return true }
            member.consumer.finish(more)
            return false
        }
        #expect(!closed.withLock { $0 })
        try member.consumer.commitSync([topic.partition(0): 10])
        member.consumer.finish(batch)
        #expect(closed.wait(for: .seconds(20)) { $0 ? true : nil } == true)
        #expect(member.listener.now.owned.isEmpty)
        // The batch outlives its consumer.
        #expect(batch.map { Record($0).number } == Array(0..<10))
        #expect(
            try Admin(topic.kafka, logger: quiet).committedOffsets(of: "\(topic.name)-group")[topic.partition(0)] == 10)
    }

    @Test(.servers) func aBrokerThatGoesAndComesBackIsConsumedOn() throws {
        let broker = try KafkaBroker.start()
        defer { broker.stop() }
        let topic = try TestTopic(on: broker)
        try topic.fill(500)
        let member = try TestMember(topic, offsets: GroupOffsets())
        defer { member.close() }
        try member.read(until: 500)
        try broker.kill()
        #expect(try member.consumer.nextBatch(max: 10, timeout: .milliseconds(300)) == nil)
        try broker.restart()
        try topic.fill(500)
        try member.read(until: 1_000)
        // What came again before its offset was known is told by its offset.
        #expect(Set(member.records.map(\.offset)) == Set(0..<1_000))
    }

    /// A mock's group lets its first member wait for others, some three seconds.
    @Test(.waiting) func theErrorThatEndsAMemberIsThrown() throws {
        let mock = try MockCluster(logger: quiet)
        let topic = try TestTopic(mock: mock)
        try topic.fill(10)
        let member = try TestMember(topic) {
            $0.kafka.properties = ["group.instance.id": "one", "heartbeat.interval.ms": "100"]
        }
        defer { member.close() }
        try member.read(until: 10)
        mock.fail(.heartbeat, with: [.fencedInstance])
        let fatal = try member.readUntilItFails()
        #expect(fatal.name == "FENCED_INSTANCE_ID")
        #expect(fatal.isFatal)
    }
}
