import Execution
import Kafka
import Logging
import Postgres

/// What both ways of reading share: seeing rows through to the brokers, and saying so.
extension Relay {
    /// Sees a page through to the brokers, and moves the checkpoint behind it in memory.
    ///
    /// - Parameters:
    ///   - remaining: those of its records that aren't out by another way.
    ///   - meanwhile: what can be done while the brokers have it in hand. Times of the publication have it in them.
    func publish(
        _ page: RelayPage, _ work: inout RelayWork, until stop: StopSignal,
        _ remaining: ([RelayRecord]) -> [RelayRecord] = { $0 },
        meanwhile: (inout RelayWork) -> Void = { _ in }
    ) throws {
        let records = remaining(page.records)
        work.sees(records)
        note(inHand: page.oldestTime)
        let news = try news(in: records, &work.tail, until: stop)
        if !page.isInWindow { work.tail = nil }
        let publication = work.publication
        try publication.publish(news, until: stop) { meanwhile(&work) }
        metrics.copied(news)
        work.progress.checkpoint = page.next
        work.sincePrune += page.rows
        metrics.published(page.rows, oldest: page.oldestTime)
        note(published: page.next.published)
        note(inHand: nil)
        work.onProgress()
    }

    /// Those of `records` that the leader before hasn't published. Throws where a stop comes before that is known: what is
    /// published then is published twice.
    ///
    /// - Parameter tail: what it may have; nil once its window is through.
    func news(
        in records: [RelayRecord], _ tail: inout PublishedTail?, until stop: StopSignal
    ) throws -> [RelayRecord] {
        guard tail != nil, !records.isEmpty else { return records }
        do {
            try tail?.read(records.topics, kafka: producer.kafka, logger: logger, until: stop)
        } catch {
            if stop.isStopped { throw error }
            logger.warning("published_tail_unknown", metadata: ["error": "\(error)"])
        }
        return tail?.without(records) ?? records
    }

    /// Stores what is published, if that is news. Fails where another relay leads.
    func store(_ progress: inout RelayProgress, on connection: Connection) throws {
        guard progress.hasNews else { return }
        try RelayCheckpointStore.move(source.name, from: progress.stored, to: progress.checkpoint, on: connection)
        progress.wasStored()
    }
}
