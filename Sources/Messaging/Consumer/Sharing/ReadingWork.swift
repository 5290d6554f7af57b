import Execution
import Kafka
import Logging
import Postgres

/// A group's worker, by how its group reads: alone, together with others that it reads for, or with the one that reads for it.
enum ReadingWork {
    case single
    case leader(SharedReading, SharedWork)
    case follower(SharedReading, Int)

    init(_ place: SharedPlace?, _ logger: Logger) {
        guard let place else {
            self = .single
            return
        }
        self =
            place.isLeader
            ? .leader(
                place.reading, SharedWork(place.reading, place.members, reader: place.reader, logger: logger))
            : .follower(place.reading, place.index - 1)
    }

    /// How long it may wait for records.
    func patience(at now: ContinuousClock.Instant) -> Duration {
        if case .leader(_, let work) = self { return work.patience(at: now) }
        return .milliseconds(500)
    }

    /// The group's records of a batch.
    ///
    /// - Parameter read: reads all of it by the group's own reader; nil when stopped.
    /// - Returns: nil when stopped.
    func take(_ batch: MessageBatch, otherwise read: () -> [ConsumedRecord]?) -> [ConsumedRecord]? {
        switch self {
        case .single: return read()
        case .leader(let reading, let work):
            let claim = reading.claim(Self.ends(of: batch))
            let records = work.take(batch, as: claim) ?? read()
            if claim.leader.isEmpty { return records }
            return records?.filter { $0.source.offset >= claim.leader[$0.partition] ?? 0 }
        case .follower(let reading, let index):
            let ends = Self.ends(of: batch)
            let alone = reading.alone(index, of: ends.keys)
            if alone.isEmpty { return [] }
            return alone.count == ends.count ? read() : read()?.filter { alone.contains($0.partition) }
        }
    }

    /// The batch is done, and nothing is in hand.
    func finish(_ records: [ConsumedRecord]) {
        guard case .follower(let reading, let index) = self else { return }
        reading.advanced(index, to: ConsumerOffsets.steps(through: records[...]).mapValues(\.next))
    }

    /// What the group's worker was handed by the one that reads for it. Call `finishHanded` when it is done.
    func takeHanded() -> HandedRecords? {
        guard case .follower(let reading, let index) = self else { return nil }
        return reading.takeHanded(to: index)
    }

    func finishHanded() {
        if case .follower(let reading, let index) = self { reading.finishHanded(to: index) }
    }

    /// What was done for the group by the one that reads for it. With nothing in hand.
    func takeNews() -> FollowerNews? {
        guard case .follower(let reading, let index) = self else { return nil }
        reading.join(index)
        return reading.takeNews(of: index)
    }

    /// Whether something is to be done for others now.
    func isDue(at now: ContinuousClock.Instant) -> Bool {
        if case .leader(_, let work) = self { return work.isDue(at: now) }
        return false
    }

    /// As `SharedWork.run`; `alone` where the group reads for no others.
    func runForOthers(
        with own: [ConsumedRecord], on connection: ReconnectingConnection, until stop: StopSignal
    ) -> SharedWork.Outcome {
        guard case .leader(_, let work) = self else { return .alone }
        return work.run(with: own, on: connection, until: stop)
    }

    /// The offsets behind the last record of each partition.
    private static func ends(of batch: MessageBatch) -> [TopicPartition: Int64] {
        var ends: [TopicPartition: Int64] = [:]
        var last: ConsumedMessage?
        func end() {
            guard let last else { return }
            ends[TopicPartition(topic: last.topic, partition: last.partition)] = last.offset + 1
        }
        for record in batch {
            // Records come in runs of a partition: naming each run is enough.
            if let last, last.partition != record.partition || !last.isOfTopic(of: record) { end() }
            last = record
        }
        end()
        return ends
    }
}
