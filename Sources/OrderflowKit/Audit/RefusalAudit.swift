import Execution
import JSON
import Logging
import Messaging
import Postgres

/// Rights that callers were refused, on their way to the audit log: counted on the event loops, written by a thread of its
/// own.
///
/// A caller that goes on asking is one record in each interval, with how often. What doesn't fit into memory is counted
/// and told in the next record: nobody fills the log, the database or the memory by asking.
package final class RefusalAudit: Sendable {
    /// One caller, refused one right at one route. Whom a customer named is left out: there is no end to names.
    private struct Refusal: Hashable {
        let actor: AuditActor
        let tenant: String?
        let route: String
        let right: Right
        let isForeign: Bool
    }

    private struct Waiting {
        var counts: [Refusal: Int] = [:]
        var dropped = 0
    }

    /// Different refusals that wait at most.
    package static let limit = 1_000

    private let waiting = Monitor(Waiting())
    private let database: PostgresConfiguration
    private let interval: Duration
    private let logger: Logger

    /// - Parameters:
    ///   - database: of the keys, which every role knows.
    ///   - interval: between two writes.
    package init(_ database: PostgresConfiguration, every interval: Duration = .seconds(5), logger: Logger) {
        self.database = database
        self.interval = interval
        self.logger = logger
    }

    /// Notes one. Never waits for the database.
    package func note(_ refused: RefusedRight) {
        let principal = refused.principal
        let refusal = Refusal(
            actor: AuditActor(
                principal.subject, kind: AuditActor.Kind(principal.kind), origin: refused.address.address),
            tenant: principal.tenant, route: "\(refused.method.rawValue) \(refused.route)", right: refused.right,
            isForeign: refused.isForeign)
        waiting.withLock { waiting in
            if let count = waiting.counts[refusal] {
                waiting.counts[refusal] = count + 1
            } else if waiting.counts.count < Self.limit {
                waiting.counts[refusal] = 1
            } else {
                waiting.dropped += 1
            }
        }
    }

    /// Writes what was noted, until `stop` and then once more. A database that is away is tried again.
    package func run(until stop: StopSignal) {
        var connection: Connection?
        defer { connection?.close() }
        var isLast = false
        while !isLast {
            isLast = stop.wait(for: interval)
            do {
                try write(on: &connection)
            } catch {
                logger.warning("refusals_not_audited", metadata: ["error": "\(error)"])
                connection?.close()
                connection = nil
            }
        }
    }

    /// Connects where there is something to write, and nothing is connected yet.
    private func write(on connection: inout Connection?) throws {
        let noted = waiting.withLock { waiting in
            defer { waiting = Waiting() }
            return waiting
        }
        guard !noted.counts.isEmpty || noted.dropped > 0 else { return }
        do {
            let open = try connection ?? Connection(database, logger: logger)
            connection = open
            try AuditLog.append(entries(noted), on: open)
        } catch {
            keep(noted)
            throw error
        }
    }

    /// For the next attempt.
    private func keep(_ noted: Waiting) {
        waiting.withLock { waiting in
            for (refusal, count) in noted.counts {
                if waiting.counts[refusal] != nil || waiting.counts.count < Self.limit {
                    waiting.counts[refusal, default: 0] += count
                } else {
                    waiting.dropped += count
                }
            }
            waiting.dropped += noted.dropped
        }
    }

    private func entries(_ noted: Waiting) -> [AuditEntry] {
        var entries = noted.counts.map { refusal, count in
            AuditEntry(
                by: refusal.actor, .refused, on: refusal.route, tenant: refusal.tenant,
                detail: Self.detail { json in
                    json.field("scope", refusal.right.rawValue)
                    if refusal.isForeign { json.field("for", "another user") }
                    json.field("count", count)
                })
        }
        if noted.dropped > 0 {
            entries.append(
                AuditEntry(
                    by: AuditActor("", kind: .anonymous, origin: ""), .refused, on: "more than can be kept apart",
                    detail: Self.detail { $0.field("count", noted.dropped) }))
        }
        return entries
    }

    private static func detail(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter()
        json.object { members(&$0) }
        return json.bytes
    }
}
