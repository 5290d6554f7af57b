import Execution
import Metrics
import Postgres

/// Moves messages into the outbox when they are due, for the relay that leads: on its session, between its looks. There is
/// one at a time, then, and no other thread or timer.
///
/// Each message is moved by one transaction, which a crash ends or undoes, so that it is in the outbox once; from there the
/// relay publishes it like any other. Of one key they are moved in the order of their times, and of their writing where
/// those are equal. The database's clock decides.
struct DueMessages {
    /// Messages in one transaction.
    static let batch = 1_000
    /// Between two looks while the relay has other work, or is told of new messages.
    private static let busyLook: Duration = .milliseconds(500)
    /// Between two looks while the log would tell of new messages, and tells of none.
    private static let heardLook: Duration = .seconds(60)
    private static let toldFor: Duration = .seconds(1)

    private let idleLook: Duration
    /// Between two looks while nothing is written to the server.
    private let restLook: Duration
    private var looked: ContinuousClock.Instant?
    /// When the next is due, as far as is known.
    private var due: ContinuousClock.Instant?
    /// The relay has come by before it was time for another look.
    private var isAsked = false
    /// The relay reads the log, which tells of new ones too.
    private var isHeard = false
    /// The log has told of some just now. What it tells may be seen a moment later.
    private var toldUntil: ContinuousClock.Instant?
    private let delivered: Counter
    private let late: Metrics.Timer

    /// - Parameters:
    ///   - idleLook: how often the relay looks for what it isn't told of.
    ///   - restLook: the same while nothing is written to the server.
    init(service: String, idleLook: Duration, restLook: Duration) {
        self.idleLook = idleLook
        self.restLook = restLook
        let dimensions = [("service", service)]
        delivered = Counter(label: "orderflow_schedule_delivered_total", dimensions: dimensions)
        late = Metrics.Timer(label: "orderflow_schedule_late_seconds", dimensions: dimensions)
    }

    /// How long the relay may wait for other things.
    ///
    /// - Parameter isAtRest: nothing was written to the server since it came by last.
    func untilNext(isAtRest: Bool = false) -> Duration {
        guard let looked else { return .zero }
        var next = looked + (isHeard || isAsked ? leastPause : isAtRest ? restLook : idleLook)
        if let due { next = min(next, due) }
        return max(.zero, ContinuousClock.now.duration(to: next))
    }

    private var isTold: Bool { toldUntil.map { .now < $0 } ?? false }

    /// Between two looks at least, as long as nothing that is known of is due.
    private var leastPause: Duration { isHeard && !isTold ? Self.heardLook : Self.busyLook }

    private func isTimeToLook(_ now: ContinuousClock.Instant) -> Bool {
        guard let looked else { return true }
        return looked.duration(to: now) >= leastPause || due.map { $0 <= now } ?? false
    }

    /// - Parameter isHeard: whether the log tells of new ones, by `tell`, so that nobody has to look for them.
    mutating func hears(_ isHeard: Bool) { self.isHeard = isHeard }

    mutating func tell() { toldUntil = .now + Self.toldFor }

    /// Moves what is due, a batch of it, if it is time to look. What it moves, the relay's next look sees.
    mutating func look(on connection: Connection) throws {
        let now = ContinuousClock.now
        guard isTimeToLook(now) else {
            isAsked = true
            return
        }
        looked = now
        isAsked = false
        guard let wait = try Self.next(on: connection) else {
            due = nil
            return
        }
        due = now + wait
        guard wait <= .zero else { return }
        let (count, oldest) = try Self.move(on: connection)
        // Rows that a cancellation holds just now are looked at again soon, not at once.
        due = count > 0 ? now : now + Self.busyLook
        guard count > 0 else { return }
        delivered.increment(by: count)
        late.recordMicroseconds(oldest)
    }

    /// How long until the first is due, zero or less for one that is; nil where nothing waits.
    private static func next(on connection: Connection) throws -> Duration? {
        try connection.query(
            """
            SELECT ceil(extract(epoch FROM due_at - now()) * 1000000)::bigint FROM scheduled_messages
            ORDER BY due_at, id LIMIT 1
            """
        ).first.map { .microseconds(try $0.get(0, as: Int64.self)) }
    }

    /// Moves the first that are due. Returns how many, and how late the first was, in microseconds.
    ///
    /// Rows that a transaction is about to cancel are passed over, and so is what comes behind them under the same key: the
    /// relay waits for no transaction but its own.
    static func move(limit: Int = batch, on connection: Connection) throws -> (count: Int, oldest: Int64) {
        let row = try connection.query(
            """
            WITH first AS MATERIALIZED (
                SELECT id, topic, key, due_at FROM scheduled_messages WHERE due_at <= now()
                ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
            ), due AS (
                DELETE FROM scheduled_messages s USING first
                WHERE s.id = first.id AND NOT EXISTS (
                    SELECT FROM scheduled_messages e
                    WHERE e.key = first.key AND e.topic = first.topic AND (e.due_at, e.id) < (first.due_at, first.id)
                        AND e.id NOT IN (SELECT id FROM first))
                RETURNING s.*
            ), moved AS (
                INSERT INTO outbox (topic, key, type, schema_version, metadata, data, content_type, raw, express)
                SELECT topic, key, type, schema_version,
                       -- The message happens now; what it says doesn't change.
                       jsonb_set(metadata::jsonb, '{time}', to_jsonb(
                           to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))::json,
                       data, content_type, raw, coalesce(metadata->>'priority' = 'express', false)
                FROM due ORDER BY due_at, id
            )
            SELECT count(*), coalesce(extract(epoch FROM now() - min(due_at)) * 1000000, 0)::bigint FROM due
            """, [.int(limit)]
        ).one()
        return (Int(try row.get(0, as: Int64.self)), try row.get(1, as: Int64.self))
    }
}

extension BacklogQuery {
    /// Messages of a service that wait for their time, and how late those are that are due.
    public static func schedule(service: String) -> [BacklogQuery] {
        [
            // Beyond ten thousand the planner's estimate will do: what waits isn't read.
            BacklogQuery(
                "orderflow_schedule_waiting", dimensions: [("service", service)],
                sql: """
                    SELECT CASE WHEN found < 10000 THEN found
                        ELSE greatest(found, (
                            SELECT reltuples FROM pg_class WHERE oid = 'scheduled_messages'::regclass)) END::float8
                    FROM (SELECT count(*) AS found FROM (
                        SELECT FROM scheduled_messages LIMIT 10000) AS part) AS counted
                    """),
            BacklogQuery(
                "orderflow_schedule_late", dimensions: [("service", service)],
                sql: """
                    SELECT count(*)::float8 FROM (
                        SELECT FROM scheduled_messages WHERE due_at < now() - interval '1 second' LIMIT 100000) AS late
                    """),
            BacklogQuery(
                "orderflow_schedule_oldest_late_seconds", dimensions: [("service", service)],
                sql: """
                    SELECT coalesce(greatest(0, extract(epoch FROM now() - (
                        SELECT due_at FROM scheduled_messages ORDER BY due_at, id LIMIT 1))), 0)::float8
                    """),
        ]
    }
}
