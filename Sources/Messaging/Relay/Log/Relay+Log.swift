import Execution
import Postgres

extension Relay {
    enum LogOutcome {
        case stopped
        /// Windows have to go on.
        case broken(any Error)
        /// So do they, but the log is as well as before.
        case behind(RelayLogTap.Rest)
    }

    /// Publishes what comes from the log, until there is a reason for windows to go on: the checkpoint says exactly where.
    func readLog(
        from junction: RelayLogTap.Junction, _ work: inout RelayWork, on connection: Connection, until stop: StopSignal
    ) throws -> LogOutcome {
        let reader = junction.reader
        // Windows have stored what they published: everything behind is the log's to say.
        try store(&work.progress, on: connection)
        var published = LogPublished(junction.seen)
        let outcome: LogOutcome
        do {
            outcome = try followLog(from: junction, &published, &work, on: connection, until: stop)
        } catch let error as LogEnded {
            outcome = .broken(error.reason)
        } catch {
            reader.close()
            throw error
        }
        if case .behind = outcome {} else { reader.close() }
        guard work.progress.hasNews else { return outcome }
        guard let checkpoint = published.checkpoint(published: work.progress.checkpoint.published) else {
            // As after a kill: a new leader finds by the ends of the topics what is out.
            reader.close()
            throw RelayError.outrun(source: source.name)
        }
        work.progress.checkpoint = checkpoint
        try store(&work.progress, on: connection)
        return outcome
    }

    private func followLog(
        from junction: RelayLogTap.Junction, _ published: inout LogPublished, _ work: inout RelayWork,
        on connection: Connection, until stop: StopSignal
    ) throws -> LogOutcome {
        let reader = junction.reader
        // One that waits for a standby may tell long before it can be seen.
        work.due?.hears(junction.tellsOfSchedule && !junction.waitsForStandby)
        defer { work.due?.hears(false) }
        var next: RelayLogReader.Page? = junction.first
        var fullPages = 0
        while !stop.isStopped {
            // Our own session holds the leadership.
            if !connection.isAlive() { _ = try connection.query("SELECT 1") }
            let looked = ContinuousClock.now
            if reader.takeOthers() { work.due?.tell() }
            let found = next?.rows.count ?? 0
            if let page = next {
                if found > 0 {
                    work.idling.found()
                    if junction.waitsForStandby { try awaitStandby(page, on: connection, until: stop) }
                    var checkpoint = work.progress.checkpoint
                    checkpoint.published += Int64(found)
                    let page = try RelayPage(page.rows, next: checkpoint, by: &work.encoder)
                    try publish(page, &work, until: stop)
                    work.tick.begin(at: looked)
                }
                published.note(page)
            }
            // What is moved comes by the log.
            try work.due?.look(on: connection)
            try keepUp(reader, &published, &work, on: connection)
            fullPages = next?.isFull == true ? fullPages + 1 : 0
            if fullPages == Self.backlog {
                let place = try connection.query("SELECT pg_current_wal_flush_lsn()::text").one().get(
                    0, as: String.self)
                return .behind(
                    RelayLogTap.Rest(
                        reader: reader, seen: published.base, target: LogPosition(place) ?? reader.end,
                        waitsForStandby: junction.waitsForStandby, tellsOfSchedule: junction.tellsOfSchedule))
            }
            if fullPages == 0 {
                if found > 0 { pause(&work) } else { stop.wait(for: Self.rest) }
                reader.wait(atMost: pause(published, work), or: connection, until: stop)
            }
            next = try read(reader, published)
        }
        return .stopped
    }

    /// The log's session has failed, and not ours.
    private struct LogEnded: Error {
        let reason: any Error
    }

    private func read(_ reader: RelayLogReader, _ published: LogPublished) throws -> RelayLogReader.Page? {
        do {
            return try reader.nextPage(rows: configuration.pageSize, passingOver: published.contains)
        } catch {
            throw LogEnded(reason: error)
        }
    }

    /// Stores the checkpoint when it is due, has the server forget what is before it, and prunes.
    private func keepUp(
        _ reader: RelayLogReader, _ published: inout LogPublished, _ work: inout RelayWork, on connection: Connection
    ) throws {
        let isSettled = published.reach(reader.end)
        if work.progress.isDue {
            let unsaid = work.progress.checkpoint.published - work.progress.stored.published
            let isMuch = unsaid >= Int64(configuration.checkpointRows) * Self.patience
            if isSettled || published.isLate || isMuch {
                if let checkpoint = published.checkpoint(published: work.progress.checkpoint.published) {
                    work.progress.checkpoint = checkpoint
                    // Which has the server write its log, too.
                    try store(&work.progress, on: connection)
                    try confirm(reader, reader.end)
                } else if isSettled || isMuch {
                    throw RelayError.outrun(source: source.name)
                } else {
                    try RelayCheckpointStore.touch(source.name, on: connection)
                    published.waitAgain()
                }
            } else if !published.isExpecting {
                let row = try connection.query(
                    "SELECT pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text"
                ).one()
                guard let seen = TransactionSet(try row.get(0)), let place = LogPosition(try row.get(1)) else {
                    throw LogEnded(reason: UnreadableLog("a snapshot that can't be read"))
                }
                published.expect(seen, at: place)
                // Where nothing else comes, that says when the log has got there.
                try confirm(reader, reader.confirmed, asking: true)
            }
        } else if !work.progress.hasNews, reader.confirmed.distance(to: reader.end) >= Self.forgotten {
            try confirm(reader, reader.end)
        }
        if reader.owesReply { try confirm(reader, work.progress.hasNews ? reader.confirmed : reader.end) }
        if work.isToPrune, !work.progress.hasNews { try work.prune(on: connection) }
    }

    private func confirm(_ reader: RelayLogReader, _ position: LogPosition, asking: Bool = false) throws {
        do {
            try reader.confirm(position, asking: asking)
        } catch {
            throw LogEnded(reason: error)
        }
    }

    /// How long there is nothing to do, if nothing comes.
    private func pause(_ published: LogPublished, _ work: RelayWork) -> Duration {
        var limit = Self.longest
        if let due = work.progress.untilDue {
            limit = min(limit, published.isExpecting ? Self.expecting : max(due, Self.rest))
        }
        if work.isBehindPruning { limit = min(limit, configuration.busyPoll) }
        if let next = work.due?.untilNext() { limit = min(limit, next) }
        return work.source.prunable && work.sincePrune > 0 ? min(limit, RelayIdling.quiet) : limit
    }

    /// The log is sent as soon as it is on the primary's disk. Where commits wait for a standby too, so does what is
    /// published: a commit that only the primary knew of would be forgotten with it.
    private func awaitStandby(
        _ page: RelayLogReader.Page, on connection: Connection, until stop: StopSignal
    ) throws {
        let transactions = page.transactions + (page.partly.map { [$0.transaction] } ?? [])
        let deadline = ContinuousClock.now + Self.standbyPatience
        while let seen = TransactionSet(
            try connection.query("SELECT pg_current_snapshot()::text").one().get(0, as: String.self)),
            !transactions.allSatisfy(seen.contains)
        {
            guard .now < deadline, !stop.wait(for: .milliseconds(2)) else {
                throw LogEnded(reason: LogUnavailable("a synchronous standby doesn't confirm what is committed"))
            }
        }
    }

    /// So many times `checkpointRows` may be unsaid before a checkpoint is stored that names each transaction: within the
    /// reach of `PublishedTail`.
    private static let patience: Int64 = 8
    /// Bytes of log that are none of ours: the server is told that it may forget them.
    private static let forgotten: UInt64 = 1 << 20
    /// Commits of others, each of which has the server say that there was nothing for us, are heard of together.
    private static let rest: Duration = .milliseconds(5)
    /// Full pages in a row.
    private static let backlog = 3
    private static let expecting: Duration = .milliseconds(100)
    private static let standbyPatience: Duration = .seconds(30)
    /// Nothing has to be done then; the server asks for a sign of life more often.
    private static let longest: Duration = .seconds(600)
}
