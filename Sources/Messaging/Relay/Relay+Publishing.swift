import Execution
import Kafka
import Logging
import Postgres

/// What both ways of reading share: seeing rows through to the brokers, and saying so.
extension Relay {
    /// Sees rows through to the brokers, and moves the checkpoint to `next` in memory.
    ///
    /// - Parameter remaining: those of their records that aren't out by another way.
    func publish(
        _ rows: Rows, _ work: inout RelayWork, next: RelayCheckpoint, until stop: StopSignal,
        _ remaining: ([RelayRecord]) -> [RelayRecord] = { $0 }
    ) throws {
        let records = remaining(try work.encoder.records(rows))
        work.sees(records)
        note(inHand: work.encoder.oldestTime)
        let news = try news(in: records, &work.tail, until: stop)
        if next.reach == nil { work.tail = nil }
        try work.publication.publish(news, until: stop)
        metrics.copied(news)
        work.progress.checkpoint = next
        work.sincePrune += rows.count
        metrics.published(rows.count, oldest: work.encoder.oldestTime)
        note(published: next.published)
        note(inHand: nil)
        work.onProgress()
    }

    /// Those of `records` that the leader before hasn't published. Throws where a stop came before that was known: what
    /// is published then is published twice.
    ///
    /// - Parameter tail: what it may have; nil once its window is through.
    func news(
        in records: [RelayRecord], _ tail: inout PublishedTail?, until stop: StopSignal
    ) throws -> [RelayRecord] {
        guard tail != nil, !records.isEmpty else { return records }
        do {
            try tail?.read(Set(records.flatMap(\.topics)), kafka: producer.kafka, logger: logger, until: stop)
        } catch {
            logger.warning("published_tail_unknown", metadata: ["error": "\(error)"])
        }
        if stop.isStopped { throw StoppedBeforePublishing() }
        return tail?.without(records) ?? records
    }

    /// Stores what is published, if that is news. Fails where another relay leads.
    func store(_ progress: inout RelayProgress, on connection: Connection) throws {
        guard progress.hasNews else { return }
        try RelayCheckpointStore.move(source.name, from: progress.stored, to: progress.checkpoint, on: connection)
        progress.wasStored()
    }
}

/// Nothing of what a relay had in hand was handed to its producer.
struct StoppedBeforePublishing: Error {}
