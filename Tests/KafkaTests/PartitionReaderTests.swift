import Kafka
import TestServers
import Testing

@Suite(.blocking, .servers) struct PartitionReaderTests {
    private func all(_ reader: PartitionReader) throws -> [Record] {
        var records: [Record] = []
        try eventually("the reader is finished") {
            while let batch = try reader.nextBatch(max: 100, timeout: .milliseconds(100)) {
                records += batch.map { Record($0) }
            }
            return reader.isFinished
        }
        return records
    }

    @Test func eachPartitionIsReadFromItsStartToItsEndAndNoFurther() throws {
        let topic = try TestTopic(partitions: 3)
        try topic.fill(3_000, keys: 50)
        let high = try topic.partitions.map { try Admin(topic.kafka, logger: quiet).watermarks($0).high }
        let ranges = [
            topic.partition(0): 0..<high[0], topic.partition(1): 10..<20, topic.partition(2): Int64(5)..<5,
        ]
        let records = try all(PartitionReader(topic.kafka, ranges, logger: quiet))
        let offsets = Dictionary(grouping: records, by: \.partition).mapValues { $0.map(\.offset) }
        #expect(offsets == [0: Array(0..<high[0]), 1: Array(10..<20)])
    }

    @Test func partitionsCanBeReadApart() throws {
        let topic = try TestTopic(partitions: 3)
        try topic.fill(3_000, keys: 50)
        let admin = try Admin(topic.kafka, logger: quiet)
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in try topic.partitions { ranges[partition] = 0..<(try admin.watermarks(partition).high) }
        let reader = try PartitionReader(topic.kafka, ranges, apart: true, logger: quiet)
        for (partition, range) in ranges {
            var offsets: [Int64] = []
            try eventually("\(partition) is read") {
                while let batch = try reader.nextBatch(of: partition, max: 7, timeout: .milliseconds(100)) {
                    #expect(batch.allSatisfy { $0.partition == partition.partition })
                    offsets += batch.map(\.offset)
                }
                return !reader.unfinished.contains(partition)
            }
            #expect(offsets == Array(range))
        }
        #expect(reader.isFinished)
    }

    /// What has no room waits, and comes, also beside a partition that nobody reads on.
    @Test(arguments: [1 << 8, 1 << 14, 1 << 20]) func aReaderWithLittleRoomReadsAll(memory: Int) throws {
        let topic = try TestTopic(partitions: 3)
        try topic.fill(6_000, keys: 50)
        let admin = try Admin(topic.kafka, logger: quiet)
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in try topic.partitions { ranges[partition] = 0..<(try admin.watermarks(partition).high) }
        let reader = try PartitionReader(topic.kafka, ranges, apart: true, memory: memory, logger: quiet)
        var offsets: [TopicPartition: [Int64]] = [:]
        try eventually("all is read") {
            for partition in ranges.keys {
                while let batch = try reader.nextBatch(of: partition, max: 7, timeout: .milliseconds(10)) {
                    offsets[partition, default: []] += batch.map(\.offset)
                }
            }
            return reader.isFinished
        }
        #expect(offsets == ranges.filter { !$0.value.isEmpty }.mapValues { Array($0) })
    }

    /// So it is where partitions come together.
    @Test(arguments: [1 << 8, 1 << 14, 1 << 20]) func togetherTooLittleRoomReadsAll(memory: Int) throws {
        let topic = try TestTopic(partitions: 3)
        try topic.fill(6_000, keys: 50)
        let admin = try Admin(topic.kafka, logger: quiet)
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in try topic.partitions { ranges[partition] = 0..<(try admin.watermarks(partition).high) }
        let reader = try PartitionReader(topic.kafka, ranges, memory: memory, logger: quiet)
        var offsets: [TopicPartition: [Int64]] = [:]
        try eventually("all is read") {
            while let batch = try reader.nextBatch(max: 7, timeout: .milliseconds(10)) {
                for record in batch {
                    offsets[TopicPartition(topic: record.topic, partition: record.partition), default: []]
                        .append(record.offset)
                }
            }
            return reader.isFinished
        }
        #expect(offsets == ranges.filter { !$0.value.isEmpty }.mapValues { Array($0) })
    }

    @Test func aRangeWithoutEndFollows() throws {
        let topic = try TestTopic()
        try topic.fill(10)
        let reader = try PartitionReader(topic.kafka, [topic.partition(0): 4 ..< .max], logger: quiet)
        var numbers: [Int] = []
        func read(until count: Int) throws {
            try eventually("\(count) records") {
                if let batch = try reader.nextBatch(max: 100, timeout: .milliseconds(100)) {
                    numbers += batch.map { Record($0).number }
                }
                return numbers.count >= count
            }
        }
        try read(until: 6)
        #expect(numbers == Array(4..<10))
        try topic.fill(5)
        try read(until: 11)
        #expect(numbers == Array(4..<10) + Array(0..<5))
        #expect(!reader.isFinished)
    }

    @Test func aBrokerThatGoesAndComesBackIsWaitedFor() throws {
        let broker = try KafkaBroker.start()
        defer { broker.stop() }
        let topic = try TestTopic(on: broker)
        try topic.fill(1_000)
        let reader = try PartitionReader(topic.kafka, [topic.partition(0): 0..<2_000], logger: quiet)
        var numbers: [Int] = []
        func read(until count: Int) throws {
            try eventually(within: .seconds(40), "\(count) records") {
                if let batch = try reader.nextBatch(max: 100, timeout: .milliseconds(100)) {
                    numbers += batch.map { Record($0).number }
                }
                return numbers.count >= count
            }
        }
        try read(until: 1_000)
        try broker.kill()
        #expect(try reader.nextBatch(max: 100, timeout: .milliseconds(300)) == nil)
        try broker.restart()
        try topic.fill(1_000)
        try read(until: 2_000)
        #expect(numbers == Array(0..<1_000) + Array(0..<1_000))
        #expect(reader.isFinished)
    }

    @Test func anOffsetThatIsNotThereIsAnError() throws {
        let topic = try TestTopic()
        try topic.fill(10)
        let reader = try PartitionReader(topic.kafka, [topic.partition(0): 50..<60], logger: quiet)
        #expect(throws: KafkaError.self) { _ = try all(reader) }
    }

    @Test func batchesOutliveTheirReader() throws {
        let topic = try TestTopic()
        try topic.fill(100)
        var reader: PartitionReader? = try PartitionReader(topic.kafka, [topic.partition(0): 0..<100], logger: quiet)
        var batch: MessageBatch?
        try eventually("a batch") {
            batch = try reader?.nextBatch(max: 50, timeout: .milliseconds(100))
            return batch != nil
        }
        reader = nil
        #expect(batch?.first.map { Record($0).number } == 0)
        #expect(batch?.last.map { Record($0).number } == (batch?.count ?? 0) - 1)
    }
}
