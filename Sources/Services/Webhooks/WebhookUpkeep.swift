import Execution
import Logging
import OrderflowKit
import Postgres

/// What goes on beside the sending: replays, and rows that nobody needs any more. Any number may run.
struct WebhookUpkeep: Sendable {
    let database: PostgresConfiguration
    let desk: DeliveryDesk
    /// How long facts are kept, in whole.
    let keep: Duration
    let logger: Logger

    /// From one look for replays that other processes were asked for to the next.
    private static let poll: Duration = .seconds(5)
    private static let sweepEvery: Duration = .seconds(600)
    /// Rows of one statement.
    static let page = 500

    /// Works until `stop`. Blocks the calling thread.
    func run(until stop: StopSignal) throws {
        stop.onStop { [desk] in desk.replays.raise() }
        let connection = ReconnectingConnection(
            database.planning(.generic), name: "webhook-upkeep", stop: stop, logger: logger)
        var sweeps = ContinuousClock.now
        var pause = Backoff(base: .milliseconds(200), cap: .seconds(10))
        while !stop.isStopped {
            do {
                let now = WallClock.nowMicroseconds()
                if try connection.run({ try QueueStore.replayPage(at: now, on: $0) }) != nil {
                    desk.look()
                    continue
                }
                if ContinuousClock.now >= sweeps {
                    try sweep(at: now, until: stop, on: connection)
                    sweeps = .now + Self.sweepEvery
                }
                pause.reset()
                _ = desk.replays.wait(for: Self.poll)
            } catch {
                if stop.isStopped { break }
                logger.warning("webhook upkeep interrupted", metadata: ["error": "\(error)"])
                stop.wait(for: pause.next())
            }
        }
    }

    private func sweep(at now: Int64, until stop: StopSignal, on connection: ReconnectingConnection) throws {
        while !stop.isStopped, try connection.run({ try Self.dropDeleted(at: now, on: $0) }) {}
        var after: Int64?
        repeat {
            after = try connection.run {
                try Self.dropFacts(heardBefore: now - keep.microseconds, after: after ?? 0, on: $0)
            }
        } while after != nil && !stop.isStopped
    }

    /// Drops some rows of endpoints that were deleted. Whether there may be more.
    static func dropDeleted(at now: Int64, limit: Int = page, on connection: Connection) throws -> Bool {
        try connection.transaction { connection in
            let dropped = try connection.query(
                """
                WITH gone AS (
                    DELETE FROM deliveries WHERE (endpoint, fact) IN (
                        SELECT d.endpoint, d.fact FROM endpoints e JOIN deliveries d ON d.endpoint = e.number
                        WHERE e.state = 'deleted' LIMIT $1)
                    RETURNING fact),
                counted AS (
                    UPDATE facts SET endpoints = endpoints - n
                    FROM (SELECT fact, count(*) AS n FROM gone GROUP BY fact) g WHERE facts.position = g.fact)
                SELECT count(*) FROM gone
                """, [.int(limit)]
            ).one().get(0, as: Int.self)
            if dropped == limit { return true }
            // A consumer's transaction that has seen the endpoint alive has ended long since.
            _ = try connection.execute(
                """
                DELETE FROM endpoints WHERE state = 'deleted' AND changed_at < $1
                    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE endpoint = number)
                """, [.timestamp(now - 3_600_000_000)])
            return false
        }
    }

    /// Drops old facts, with their deliveries, of a page that begins after a position: those that nobody waits for any
    /// more. Returns where the next page begins; nil where there is none, or nothing old in it.
    static func dropFacts(
        heardBefore end: Int64, after position: Int64, limit: Int = page, on connection: Connection
    ) throws -> Int64? {
        let row = try connection.transaction { connection in
            try connection.query(
                """
                WITH page AS MATERIALIZED (
                    SELECT position, tenant, heard_at FROM facts WHERE position > $2 ORDER BY position LIMIT $3),
                old AS MATERIALIZED (
                    SELECT position, tenant FROM page WHERE heard_at < $1 AND NOT EXISTS (
                        SELECT 1 FROM endpoints e JOIN deliveries d ON d.endpoint = e.number AND d.fact = page.position
                        WHERE e.tenant = page.tenant AND d.state = 'pending')),
                gone_deliveries AS (
                    DELETE FROM deliveries d USING old, endpoints e
                    WHERE e.tenant = old.tenant AND d.endpoint = e.number AND d.fact = old.position),
                gone_facts AS (DELETE FROM facts USING old WHERE facts.position = old.position)
                SELECT max(position), count(*), count(*) FILTER (WHERE heard_at < $1) FROM page
                """, [.timestamp(end), .int8(position), .int(limit)]
            ).one()
        }
        let isFull = try row.get(1, as: Int.self) == limit
        let hasOld = try row.get(2, as: Int.self) > 0
        return isFull && hasOld ? try row.get(0, as: Int64?.self) : nil
    }
}
