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
        var ready: RelayPage?
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
                page = read
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
                try publish(page, &work, until: stop, { lookahead.remaining($0) }) { work in
                    guard page.isInWindow, page.isLight else { return }
                    if work.progress.isDue { try store(&work.progress, on: connection) }
                    let found = try window.nextPage(after: page.next, on: connection)
                    ready = try RelayPage(found.rows, next: found.next, by: &work.encoder)
                }
                lookahead.finished(page, after: start)
                if ready == nil, work.progress.isDue { try store(&work.progress, on: connection) }
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
                let rest = [limit, work.due?.untilNext].compactMap(\.self).reduce(configuration.idlePoll, min)
                tap?.wait(atMost: rest, or: connection)
            } else {
                try work.idling.wait(on: connection, atMost: limit, work.due?.untilNext)
            }
        }
        return nil
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
