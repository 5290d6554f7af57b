import Execution
import Postgres

extension Relay {
    /// Publishes window after window until `stop`, or until the log takes over.
    func readWindows(
        _ work: inout RelayWork, _ tap: inout RelayLogTap?, on connection: Connection, until stop: StopSignal
    ) throws -> RelayLogTap.Junction? {
        var window = RelayWindow(source: source, pageSize: configuration.pageSize)
        var lookahead = RelayLookahead(source: source, pageSize: configuration.pageSize)
        // Of the same window as the page before it, during whose publication it was read.
        var ready: Result<RelayPage, any Error>?
        while !stop.isStopped {
            if tap != nil { note(readsLog: false, tap?.problem) }
            work.idling.looks(on: connection)
            // What was told before, this look sees.
            work.wasTold(expressSignal.take())
            let looked = ContinuousClock.now
            try work.due?.look(on: connection)
            let mark = try tap?.mark(on: connection)
            let start = work.progress.checkpoint
            let page: RelayPage
            if let read = ready {
                page = try read.get()
                // Who has lost the session doesn't lead any more.
                if !connection.isAlive() { _ = try connection.query("SELECT 1") }
            } else {
                let found = try window.nextPage(after: start, on: connection)
                page = try RelayPage(found.rows, next: found.next, by: &work.encoder)
            }
            ready = nil
            let isNothing = page.rows == 0
            if isNothing {
                lookahead.finished(page, after: start)
                work.progress.checkpoint = page.next
                if work.progress.isDue { try store(&work.progress, on: connection) }
                note(published: work.progress.checkpoint.published)
                if work.isToPrune {
                    try store(&work.progress, on: connection)
                    try work.prune(on: connection)
                }
            } else {
                work.idling.found()
                if let express = try lookahead.look(before: page, after: start, on: connection) {
                    let records = lookahead.unpublished(try work.encoder.records(express))
                    work.sees(records)
                    let ahead = try news(in: records, &work.tail, until: stop)
                    try work.publication.publish(ahead, until: stop)
                    metrics.copied(ahead)
                }
                do {
                    try publish(page, &work, until: stop, { lookahead.remaining($0) }) { work in
                        ready = nextOf(page, &work, &window, on: connection)
                    }
                } catch {
                    // What is acknowledged is said, whatever holds up the rest.
                    if work.progress.isDue { try? store(&work.progress, on: connection) }
                    throw error
                }
                lookahead.finished(page, after: start)
                if case .success = ready {
                    // Stored while that one is on its way.
                } else if work.progress.isDue {
                    try store(&work.progress, on: connection)
                }
                work.tick.begin(at: looked)
            }
            // What went ahead of its window is in no snapshot yet.
            if tap != nil, page.next.reach == nil, lookahead.isAtRest {
                // Where a new window has nothing, all that the mark saw is out. A paged one that ends without rows says
                // nothing of what came behind its reach.
                let seen = isNothing && start.reach == nil ? mark : page.next.seen
                if let junction = try tap?.advance(seen: seen, pageSize: configuration.pageSize, on: connection) {
                    return junction
                }
            }
            // A full page says that more lies ready.
            if page.isInWindow || page.rows == configuration.pageSize { continue }
            if !isNothing { pause(&work) }
            let limit = isNothing && work.isBehindPruning ? configuration.busyPoll : work.progress.untilDue
            if tap?.isApproaching == true {
                // What comes by the log says that there are rows.
                stop.wait(for: configuration.busyPoll)
                let rest = [limit, work.due?.untilNext()].compactMap(\.self).reduce(configuration.idlePoll, min)
                tap?.wait(atMost: rest, or: connection)
            } else {
                let due = work.due?.untilNext(isAtRest: work.idling.isAtRest)
                try work.idling.wait(on: connection, atMost: limit, due)
            }
        }
        return nil
    }

    /// What is done while the brokers have a page in hand: the checkpoint of those before it is stored, and the next page of
    /// its window read and encoded. Nil where there is none, or it has to wait for room in memory.
    private func nextOf(
        _ page: RelayPage, _ work: inout RelayWork, _ window: inout RelayWindow, on connection: Connection
    ) -> Result<RelayPage, any Error>? {
        do {
            if work.progress.isDue { try store(&work.progress, on: connection) }
            guard page.isInWindow, page.isLight else { return nil }
            let found = try window.nextPage(after: page.next, on: connection)
            return .success(try RelayPage(found.rows, next: found.next, by: &work.encoder))
        } catch {
            return .failure(error)
        }
    }

    /// Lets rows gather between two publications, until such of an express order are committed in this process. Where the log
    /// is read, they may be out already by the time that their commit is told of: then the pause ends for nothing.
    func pause(_ work: inout RelayWork) {
        // Who has committed what was just published may have been about to tell.
        work.wasTold(expressSignal.isRaised)
        guard expressSignal.wait(for: work.pause()) else { return }
        work.wasTold(true)
    }
}
