import Messaging
import OrderflowKit
import Postgres

/// The `mails` table: what is to be sent, and what came of it.
enum MailStore {
    struct Contact: Sendable {
        let key: OrderKey
        let userID: String
        /// Nil where nobody has named an address, and none can be made of the user's id.
        let recipient: String?
        let total: String
        let currency: String
    }

    /// A mail to be sent, once.
    struct Intent: Sendable {
        let key: OrderKey
        let kind: String
        /// Nil where there is nobody to send it to: kept, so that it can be seen, and not sent.
        let recipient: String?
        let subject: String
        let body: String
        let messageID: String
        let correlationID: String
        let causationID: String
        let traceparent: String?
        var priority = Priority.ordinary
        /// When it is of no use any more, microseconds since the Unix epoch; nil where it always is.
        var expiresAt: Int64?
    }

    /// A claimed intent, or one that came too late.
    struct Mail: Sendable {
        let id: Int64
        let key: OrderKey
        let kind: String
        let recipient: String
        let subject: String
        let body: String
        let messageID: String
        let attempts: Int
        let createdAt: Int64
        let correlationID: String
        let causationID: String
        /// What has asked for the mail; once it was sent, the span of that.
        var traceparent: String?
        var priority = Priority.ordinary
        /// When it had become useless, microseconds since the Unix epoch; nil while it hasn't, by the database's clock.
        let expiredAt: Int64?
    }

    /// Mails that wait, for metrics: how many, and since when the oldest.
    static let backlog = [
        BacklogQuery(
            "orderflow_mail_queue_depth",
            sql: "SELECT count(*)::float8 FROM (SELECT 1 FROM mails WHERE status = 'pending' LIMIT 100000) waiting"),
        BacklogQuery(
            "orderflow_mail_queue_oldest_seconds",
            sql: """
                SELECT COALESCE(EXTRACT(EPOCH FROM now() - min(created_at)), 0)::float8
                FROM (SELECT created_at FROM mails WHERE status = 'pending' LIMIT 100000) waiting
                """),
    ]

    /// One mail per order and kind: a second intent changes nothing. The first `claimed` of those that have a recipient
    /// are written as claimed by this process for `lease`; those of them that are new are returned, and so are those that
    /// are of no use any more: nobody sends them.
    @discardableResult
    static func add(
        _ intents: [Intent], claimed: Int = 0, lease: Duration = .zero, on connection: Connection
    ) throws -> [Mail] {
        guard !intents.isEmpty else { return [] }
        var free = claimed
        let isClaimed = intents.map { intent in
            guard free > 0, intent.recipient != nil else { return false }
            free -= 1
            return true
        }
        let rows = try connection.query(
            """
            INSERT INTO mails (tenant, order_id, kind, recipient, subject, body, message_id, correlation_id,
                               causation_id, traceparent, express, expires_at, attempts, status, next_attempt_at)
            SELECT tenant, order_id, kind, recipient, subject, body, message_id, correlation_id, causation_id,
                   traceparent, express, expires_at, (claimed AND coalesce(expires_at > now(), true))::int,
                   CASE WHEN recipient IS NULL THEN 'unaddressed' WHEN expires_at <= now() THEN 'expired'
                        ELSE 'pending' END,
                   now() + CASE WHEN claimed THEN make_interval(secs => $13) WHEN express THEN -\(ExpressHeadStart.sql)
                           ELSE interval '0' END
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                        $8::text[], $9::text[], $10::text[], $11::boolean[], $12::boolean[], $14::timestamptz[])
                AS intents (tenant, order_id, kind, recipient, subject, body, message_id, correlation_id, causation_id,
                            traceparent, express, claimed, expires_at)
            ON CONFLICT (tenant, order_id, kind) DO NOTHING
            RETURNING \(columns)
            """,
            [
                .textArray(intents.map(\.key.tenant)), .textArray(intents.map(\.key.orderID)),
                .textArray(intents.map(\.kind)), .textArrayOptional(intents.map(\.recipient)),
                .textArray(intents.map(\.subject)), .textArray(intents.map(\.body)),
                .textArray(intents.map(\.messageID)), .textArray(intents.map(\.correlationID)),
                .textArray(intents.map(\.causationID)), .textArrayOptional(intents.map(\.traceparent)),
                .boolArray(intents.map { $0.priority == .express }), .boolArray(isClaimed),
                .float8(lease / .seconds(1)), .timestampArrayOptional(intents.map(\.expiresAt)),
            ])
        return try rows.filter { row in
            try !row.isNull(4) && (row.get(8, as: Int32.self) > 0 || !row.isNull(14))
        }.map(mail)
    }

    /// Takes up to `limit` due mails for `lease`: nobody else sees them until then, and if this process dies they are
    /// due again afterwards.
    static func claim(limit: Int, lease: Duration, on connection: Connection) throws -> [Mail] {
        let rows = try connection.query(
            """
            UPDATE mails SET next_attempt_at = now() + make_interval(secs => $2), attempts = attempts + 1
            WHERE id IN (SELECT id FROM mails WHERE status = 'pending' AND next_attempt_at <= now()
                         ORDER BY next_attempt_at, id LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING \(columns)
            """, [.int8(Int64(limit)), .float8(lease / .seconds(1))])
        return try rows.map(mail)
    }

    private static let columns = """
        id, tenant, order_id, kind, recipient, subject, body, message_id, attempts, created_at, correlation_id,
        causation_id, traceparent, express, CASE WHEN expires_at <= now() THEN expires_at END
        """

    private static func mail(_ row: Row) throws -> Mail {
        Mail(
            id: try row.get(0, as: Int64.self),
            key: OrderKey(tenant: try row.get(1, as: String.self), orderID: try row.get(2, as: String.self)),
            kind: try row.get(3, as: String.self), recipient: try row.get(4, as: String.self),
            subject: try row.get(5, as: String.self), body: try row.get(6, as: String.self),
            messageID: try row.get(7, as: String.self), attempts: Int(try row.get(8, as: Int32.self)),
            createdAt: try row.get(9, as: Timestamp.self).microseconds,
            correlationID: try row.get(10, as: String.self), causationID: try row.get(11, as: String.self),
            traceparent: try row.get(12, as: String?.self),
            priority: try row.get(13, as: Bool.self) ? .express : .ordinary,
            expiredAt: try row.get(14, as: Timestamp?.self)?.microseconds)
    }

    /// Marks mails sent. Returns those that were still pending: the others another process has sent and told about.
    static func markSent(_ ids: [Int64], on connection: Connection) throws -> Set<Int64> {
        let rows = try connection.query(
            """
            UPDATE mails SET status = 'sent', sent_at = now(), error = NULL
            WHERE id = ANY($1::bigint[]) AND status = 'pending' RETURNING id
            """, [.int8Array(ids)])
        return Set(try rows.map { try $0.get(0, as: Int64.self) })
    }

    /// Marks claimed mails of no use any more. Returns those that were still pending.
    static func markExpired(_ ids: [Int64], on connection: Connection) throws -> Set<Int64> {
        let rows = try connection.query(
            """
            UPDATE mails SET status = 'expired' WHERE id = ANY($1::bigint[]) AND status = 'pending' RETURNING id
            """, [.int8Array(ids)])
        return Set(try rows.map { try $0.get(0, as: Int64.self) })
    }

    /// Gives claimed mails back that nobody tried to send: due at once, and the claim doesn't count. Not those that
    /// another process has claimed since, which the count of claims shows.
    static func giveBack(_ mails: some Collection<Mail>, on connection: Connection) throws {
        guard !mails.isEmpty else { return }
        _ = try connection.execute(
            """
            UPDATE mails SET attempts = mails.attempts - 1, next_attempt_at = now()
            FROM unnest($1::bigint[], $2::int[]) AS claimed (id, attempts)
            WHERE mails.id = claimed.id AND mails.attempts = claimed.attempts AND mails.status = 'pending'
            """, [.int8Array(mails.map(\.id)), .int4Array(mails.map { Int32($0.attempts) })])
    }

    /// Puts a mail back for a later try, or ends it where another can't help; unless another process has claimed it
    /// since.
    static func markFailed(
        _ mail: Mail, error: String, retryAfter: Duration?, on connection: Connection
    ) throws {
        _ = try connection.execute(
            """
            UPDATE mails SET error = $2,
                status = CASE WHEN $3::float8 IS NULL THEN 'failed' ELSE status END,
                next_attempt_at = now() + make_interval(secs => COALESCE($3::float8, 0))
            WHERE id = $1 AND attempts = $4 AND status = 'pending'
            """,
            [
                .int8(mail.id), .text(error), retryAfter.map { .float8($0 / .seconds(1)) } ?? .null,
                .int4(Int32(mail.attempts)),
            ])
    }
}
