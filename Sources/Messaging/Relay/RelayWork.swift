import Execution
import Postgres

/// What a leader has under way, whichever way it reads.
struct RelayWork {
    let source: RelaySource
    var progress: RelayProgress
    var encoder: RelayEncoder
    let publication: RelayPublication
    /// What a leader before us may have left unsaid lies in the first window, all of it.
    var tail: PublishedTail? = PublishedTail()
    var idling: RelayIdling
    var tick: ThreadTick
    /// Express rows are expected that nobody tells of: another process commits them.
    private var alert = UrgencyAlert()
    /// Since the last pause there were express rows, and this relay was told of such.
    private var express = (seen: false, told: false)
    /// Rows published, and not pruned yet.
    var sincePrune = 0
    /// What waits for its time in the same database; nil where the source is no outbox.
    var due: DueMessages?
    let onProgress: () -> Void

    /// Rows that are worth a statement to delete them.
    private static let pruned = 10_000

    init(
        source: RelaySource, encoder: RelayEncoder, progress: RelayProgress, publication: RelayPublication,
        idling: RelayIdling, tick: ThreadTick, due: DueMessages?, onProgress: @escaping () -> Void
    ) {
        self.source = source
        self.progress = progress
        self.encoder = encoder
        self.publication = publication
        self.idling = idling
        self.tick = tick
        self.due = due
        self.onProgress = onProgress
    }

    /// Notes what is about to be published.
    mutating func sees(_ records: [RelayRecord]) {
        if !express.seen { express.seen = records.indices.contains { records[$0].isExpress } }
    }

    /// Notes whether it was told of express rows.
    mutating func wasTold(_ isTold: Bool) { express.told = express.told || isTold }

    /// How long to wait before the next publication. Who commits express rows ends the pause (`Relay.wake`), but in other
    /// processes: where those come, their messages would wait for it at every relay that they pass, and it is a quarter, for
    /// as many more publications.
    mutating func pause() -> Duration {
        let now = ContinuousClock.now
        if express.seen, !express.told { alert.raise(at: now) }
        express = (false, false)
        let isAlert = alert.isOn(at: now)
        return tick.pause(at: now, isUsual: isAlert) / (isAlert ? 4 : 1)
    }

    /// There are many to prune, or it is quiet and there are some.
    var isToPrune: Bool { source.prunable && (isBehindPruning || (sincePrune > 0 && idling.isQuiet)) }

    var isBehindPruning: Bool { source.prunable && sincePrune >= Self.pruned }

    /// Deletes some of what the stored checkpoint has seen.
    mutating func prune(on connection: Connection) throws {
        let isMore = try RelayPruning.prune(source, behind: progress.stored, limit: Self.pruned, on: connection)
        sincePrune = isMore ? Self.pruned : 0
    }
}
