import Execution
import Kafka

/// What it takes to handle records for a group that reads together with others.
struct SharedMember: Sendable {
    let configuration: ConsumerRunner.Configuration
    let reader: RecordReader
    let transaction: BatchTransaction
    let processing: BatchProcessing
    let metrics: ConsumerMetrics
}

/// A group's place in a shared reading.
struct SharedPlace: Sendable {
    let reading: SharedReading
    /// Its own among `members`, of which the first is the leader.
    let index: Int
    let members: [SharedMember]
    /// Of the leader's member: reads what any of them reacts to.
    let reader: RecordReader

    var isLeader: Bool { index == 0 }

    func heldBack(_ partitions: Set<TopicPartition>) -> Set<TopicPartition> {
        isLeader ? reading.heldBackFromLeader(partitions) : reading.heldBack(from: index - 1, partitions)
    }
}

extension ConsumerRunner {
    /// Lets the groups of `runners` read together: what the first one's member fetches is fetched and read once for all, and
    /// handled in one transaction. They have one database, and none of them ignores what it said itself. To be called before
    /// any of them runs.
    ///
    /// Each stays a group of its own, with its offsets, dead letters and place at the brokers, and topics that the first
    /// doesn't read are read by each as ever (`SharedReading`).
    public static func readTogether(_ runners: [ConsumerRunner]) {
        readTogether(runners, near: SharedReading.usuallyNear)
    }

    static func readTogether(_ runners: [ConsumerRunner], near: Int64) {
        guard let leader = runners.first, runners.count > 1 else { return }
        precondition(
            runners.allSatisfy { $0.handler.ignoredSource == nil },
            "\(runners.map(\.group)) can't read together: one of them ignores a source")
        let members = runners.map(\.member)
        let reader = leader.reader.widened(to: runners.reduce(into: []) { $0.formUnion($1.reader.types) })
        let reading = SharedReading(
            topics: Set(leader.configuration.topics), near: near,
            wake: runners.map { [consumer = $0.consumer] in { consumer.withLock { $0 }?.lookAgain() } },
            rouse: runners.map { [consumer = $0.consumer] in { consumer.withLock { $0 }?.rouse() } })
        for (index, runner) in runners.enumerated() {
            runner.sharing.withLock {
                $0 = SharedPlace(reading: reading, index: index, members: members, reader: reader)
            }
        }
    }

    private var member: SharedMember {
        SharedMember(
            configuration: configuration, reader: reader, transaction: transaction, processing: processing,
            metrics: metrics)
    }
}
