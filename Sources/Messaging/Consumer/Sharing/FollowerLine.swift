import Execution
import Kafka
import Telemetry

/// What the leader has read for one follower and not handed to it yet.
struct FollowerLine {
    private let member: SharedMember
    /// Those that it reacts to.
    private(set) var records: [ConsumedRecord] = []
    /// Records since the last transaction, with those that it passes over.
    private var seen = 0
    /// Behind the last record of each partition.
    private var ends: [TopicPartition: Int64] = [:]
    /// Of `records`.
    private var partitions: Set<TopicPartition> = []
    private(set) var tick: Tick
    /// Of the follower, when the line was begun.
    var departures = 0

    init(_ member: SharedMember) {
        self.member = member
        tick = Tick(every: member.configuration.tick)
    }

    /// Appends what the follower reacts to of partitions in `starts`, from there on. False where it can't be read now.
    mutating func append(_ batch: [ConsumedRecord], from starts: [TopicPartition: Int64]) -> Bool {
        var passed = (others: 0, tombstones: 0)
        var run: (partition: TopicPartition, start: Int64?)?
        for record in batch {
            // Records come in runs of a partition: looking each run up is enough.
            if run?.partition.partition != record.source.partition || run?.partition.topic != record.source.topic {
                run = (record.partition, starts[record.partition])
            }
            guard let partition = run?.partition, let start = run?.start, record.source.offset >= start else {
                continue
            }
            let own = record.seen(by: member.reader)
            guard own.unavailable == nil else { return false }
            seen += 1
            ends[partition] = record.source.offset + 1
            if own.skipped {
                if own.isTombstone { passed.tombstones += 1 } else { passed.others += 1 }
            } else {
                records.append(own)
                partitions.insert(partition)
            }
        }
        member.metrics.passed(passed.others, tombstones: passed.tombstones)
        return true
    }

    /// The ends of partitions of which nothing is waiting here: what isn't with the follower's worker is done before them.
    var passed: [TopicPartition: Int64] { ends.filter { !partitions.contains($0.key) } }

    /// The follower knows of `passed`.
    mutating func forgetPassed() {
        ends = ends.filter { partitions.contains($0.key) }
        if records.isEmpty { seen = 0 }
    }

    /// At the follower's tick.
    func isDue(at now: ContinuousClock.Instant) -> Bool { !records.isEmpty && tick.pause(at: now) == .zero }

    /// There is enough for a batch of the follower's own.
    var isFull: Bool { !records.isEmpty && seen >= member.configuration.batchSize }
    /// There is enough for two.
    var isOverfull: Bool { !records.isEmpty && seen >= member.configuration.batchSize * 2 }

    /// For the follower's own worker.
    var handed: HandedRecords { HandedRecords(records: records, ends: ends) }

    /// Its transaction begins.
    mutating func begin(at now: ContinuousClock.Instant, _ traces: Traces?) {
        tick.begin(at: now)
        guard let traces else { return }
        for index in records.indices {
            records[index].begin(traces, group: member.configuration.group, batchSize: records.count)
        }
    }

    /// It is committed. Returns the ends behind what it has stored.
    mutating func settle(_ stored: [TopicPartition: Int64]) -> [TopicPartition: Int64] {
        let passed = handed.passed(beyond: stored)
        tick.end(at: .now)
        drop()
        return passed
    }

    /// Forgets what waits.
    mutating func drop() {
        records = []
        partitions = []
        ends = [:]
        seen = 0
    }
}
