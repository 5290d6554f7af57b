import Execution
import Kafka
import Logging
import Postgres
import Telemetry

/// What the leader's worker does for the followers: it lets what it has read for them lie until their ticks, and does it in
/// the transaction of its own batch. Where that is a batch of a follower's own already, the follower's worker does it.
///
/// Of a follower nothing is kept but what it reacts to, and no more than two of its batches and one of the leader's.
///
/// Not `Sendable`: one thread's.
final class SharedWork {
    private let reading: SharedReading
    /// The leader first.
    private let members: [SharedMember]
    /// Reads what any of them reacts to.
    private let reader: RecordReader
    private var lines: [FollowerLine]
    private let traces = Traces.current
    private let logger: Logger

    /// Between two attempts while the database is away.
    private let retry: (base: Duration, cap: Duration)
    private static let longestWait: Duration = .milliseconds(500)
    /// How long the leader waits for a follower that has two batches before it, and how often it looks for one whose
    /// worker has something in hand.
    private static let patience: Duration = .milliseconds(500)
    private static let glance: Duration = .milliseconds(20)

    init(_ reading: SharedReading, _ members: [SharedMember], reader: RecordReader, logger: Logger) {
        self.reading = reading
        self.members = members
        self.reader = reader
        self.logger = logger
        lines = members.dropFirst().map { FollowerLine($0) }
        retry = (members[0].configuration.retryBase, members[0].configuration.retryCap)
    }

    // MARK: A batch comes in

    /// Takes what the leader has fetched, for all that read it together.
    ///
    /// - Returns: the leader's records. Nil where nobody shares the batch, or not any more since some of it can't be read now:
    ///   then it is the leader's alone, which reads it by its own reader from `claim.leader` on.
    func take(_ batch: MessageBatch, as claim: SharedReading.Claim) -> [ConsumedRecord]? {
        for index in lines.indices where lines[index].departures != claim.departures[index] {
            lines[index].drop()
            lines[index].departures = claim.departures[index]
        }
        guard claim.isShared else { return nil }
        let records = ConsumedRecord.all(in: batch, by: reader)
        let own = records.map { $0.seen(by: members[0].reader) }
        let sharers = lines.indices.filter { !claim.followers[$0].isEmpty }
        guard !records.contains(where: { $0.unavailable != nil }), !own.contains(where: { $0.unavailable != nil })
        else {
            for index in sharers { dismiss(index, because: "a record can't be read now") }
            return nil
        }
        for index in sharers {
            guard lines[index].append(records, from: claim.followers[index]) else {
                dismiss(index, because: "a record can't be read now")
                continue
            }
        }
        tellPassed()
        return own
    }

    /// Tells followers how far nothing was for them.
    private func tellPassed() {
        for index in lines.indices {
            let passed = lines[index].passed
            if !passed.isEmpty, reading.tell(index, FollowerNews(passed: passed), since: lines[index].departures) {
                lines[index].forgetPassed()
            }
        }
    }

    // MARK: Ticks

    /// How long the leader's worker may wait for records.
    func patience(at now: ContinuousClock.Instant) -> Duration {
        let waiting = zip(lines, reading.busy).filter { !$0.0.records.isEmpty }
        return waiting.reduce(Self.longestWait) { wait, line in
            min(wait, max(line.0.tick.pause(at: now), line.1 ? Self.glance : .milliseconds(1)))
        }
    }

    /// Whether something is to be done for a follower now.
    func isDue(at now: ContinuousClock.Instant) -> Bool {
        tellPassed()
        let busy = reading.busy
        return lines.indices.contains { index in
            if lines[index].isOverfull { return true }
            return !busy[index] && (lines[index].isFull || lines[index].isDue(at: now))
        }
    }

    /// Hands full lines to the followers' own workers: where there is that much to do, all of them work at once. Returns the
    /// followers that are due otherwise.
    private func handOver(at now: ContinuousClock.Instant) -> [Int] {
        let busy = reading.busy
        for index in lines.indices where !lines[index].records.isEmpty {
            if lines[index].departures != reading.departures(of: index) {
                // What comes after a departure finds the line empty.
                lines[index].drop()
            } else if lines[index].isOverfull || (lines[index].isFull && !busy[index]) {
                lines[index].begin(at: now, traces)
                hand(index)
            }
        }
        return lines.indices.filter { !busy[$0] && lines[$0].isDue(at: now) }
    }

    private func hand(_ index: Int) {
        let line = lines[index]
        if reading.hand(line.handed, to: index, since: line.departures, patience: Self.patience) {
            lines[index].drop()
        } else {
            dismiss(index, because: "it is slower than the leader")
        }
    }

    // MARK: The transaction

    enum Outcome {
        /// The leader's next offsets; none where it had nothing to do.
        case done([TopicPartition: Int64])
        /// The leader has to see to its records without the others.
        case alone
        /// Stopped while the database was away.
        case stopped
    }

    /// Does what is due for the followers together with the leader's records, which may be none, however long the database
    /// takes. A group whose handler fails has to see to its records itself.
    func run(
        with own: [ConsumedRecord], on connection: ReconnectingConnection, until stop: StopSignal
    ) -> Outcome {
        let beginning = ContinuousClock.now
        var due = handOver(at: beginning)
        for index in due { lines[index].begin(at: beginning, traces) }
        var outages = Backoff(base: retry.base, cap: retry.cap)
        while !due.isEmpty {
            let shares = shares(own, due)
            let started = ContinuousClock.now
            do {
                let results = try connection.run { try BatchTransaction.run(shares.map { $0.share }, on: $0) }
                let duration = started.duration(to: .now)
                for (share, result) in zip(shares, results) {
                    members[share.member].processing.committed(share.share.records, result, in: duration)
                    if share.member > 0 { settle(share.member - 1, result) }
                }
                return .done(own.isEmpty ? [:] : results[0].offsets)
            } catch let error as PostgresError where error.kind == .closed {
                return .stopped
            } catch let error as PostgresError where error.isPassing {
                for share in shares { members[share.member].processing.heldUp(by: error) }
                if stop.wait(for: outages.next()) { return .stopped }
            } catch is ConcurrentChange {
                for share in shares { members[share.member].metrics.retries.increment() }
                if stop.wait(for: Backoff.delay(attempt: 0, base: .milliseconds(5), cap: .milliseconds(5))) {
                    return .stopped
                }
            } catch let failure as BatchTransaction.ShareFailure where shares[failure.index].member > 0 {
                let follower = shares[failure.index].member - 1
                hand(follower)
                due.removeAll { $0 == follower }
            } catch {
                // The leader's own, or nobody can say whose. Each finds out for itself.
                for index in lines.indices { dismiss(index, because: "\(error)") }
                due = []
            }
        }
        return own.isEmpty ? .done([:]) : .alone
    }

    private func shares(_ own: [ConsumedRecord], _ due: [Int]) -> [(member: Int, share: BatchTransaction.Share)] {
        var shares = due.map { (member: $0 + 1, records: lines[$0].records[...]) }
        if !own.isEmpty { shares.insert((0, own[...]), at: 0) }
        return shares.map { ($0.member, .init(transaction: members[$0.member].transaction, records: $0.records)) }
    }

    private func settle(_ index: Int, _ result: BatchResult) {
        members[index + 1].metrics.batch(lines[index].records.count)
        reading.tell(index, FollowerNews(stored: result.offsets, passed: lines[index].settle(result.offsets)))
    }

    private func dismiss(_ index: Int, because reason: String) {
        logger.info(
            "reads_alone", metadata: ["group": "\(members[index + 1].configuration.group)", "reason": "\(reason)"])
        reading.dismiss(index)
        lines[index].drop()
    }
}
