import Messaging
import OrderflowKit
import Orders
import Postgres

/// The `payments` table.
enum PaymentStore {
    /// Where a change comes from, for the fact that tells of its end.
    struct Cause: Sendable {
        var correlationID: String
        var causationID: String
        var traceparent: String?
        /// Of the order.
        var priority = Priority.ordinary
    }

    /// A payment with the version that it was read at; 0 for one that isn't stored yet.
    struct Entry: Sendable {
        var process: PaymentProcess
        var cause: Cause
        var heard = HeardMessages()
        var version: Int32 = 0
        /// Written as claimed by this process, which begins the call as soon as the row is committed.
        var isClaimed = false
    }

    /// What waits for the gateway's word, or for an operator to ask again for a refund that it refused.
    static let backlog = [
        BacklogQuery(
            "orderflow_payments_open", variable: ["status"],
            sql: """
                SELECT count(*)::float8, status FROM payments
                WHERE status IN ('charging', 'undoing', 'refunding') GROUP BY status
                UNION ALL
                SELECT count(*)::float8, 'refund_refused' FROM payments WHERE status = 'refund_refused'
                """),
        BacklogQuery(
            "orderflow_payments_oldest_seconds",
            sql: """
                SELECT COALESCE(EXTRACT(EPOCH FROM now() - min(updated_at)), 0)::float8
                FROM payments WHERE status IN ('charging', 'undoing', 'refunding')
                """),
    ]

    private static let columns = """
        payments.tenant, payments.order_id, status, user_id, amount, currency, payment_token, charge_reference,
        refund_reference, reason, refund_round, attempts, correlation_id, causation_id, traceparent, version,
        token_awaited, sealed_token, token_key, heard, express
        """

    /// Reads and locks the payments of these orders.
    static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: Entry] {
        guard !keys.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            SELECT \(columns) FROM payments
            WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            ORDER BY tenant, order_id
            FOR UPDATE
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
        return Dictionary(uniqueKeysWithValues: try rows.map(entry))
    }

    /// How many payments to claim at most where there are so many places: one of few numbers, since each has a statement
    /// of its own.
    static func claimable(_ places: Int) -> Int {
        guard places > 16 else { return places }
        return min(256, 1 << (Int.bitWidth - 1 - places.leadingZeroBitCount))
    }

    /// Takes up to `limit` payments for which the gateway is to be asked, for `lease`: nobody else sees them until
    /// then, and if this process dies they are due again afterwards. Their attempt is counted with this. The limit is
    /// part of the text, so that a plan made once knows how few they are.
    static func claim(limit: Int, lease: Duration, on connection: Connection) throws -> [(OrderKey, Entry)] {
        try connection.query(
            """
            WITH due AS MATERIALIZED (
                SELECT tenant, order_id FROM payments
                WHERE status IN ('charging', 'undoing', 'refunding') AND due_at <= now()
                ORDER BY due_at LIMIT \(limit) FOR UPDATE SKIP LOCKED
            )
            UPDATE payments SET due_at = now() + make_interval(secs => $1), attempts = attempts + 1
            FROM due WHERE payments.tenant = due.tenant AND payments.order_id = due.order_id
            RETURNING \(columns)
            """, [.float8(lease / .seconds(1))]
        ).map(entry)
    }

    /// Locks up to `limit` payments whose refused refund is due for another try.
    static func refused(limit: Int, on connection: Connection) throws -> [(OrderKey, Entry)] {
        try connection.query(
            """
            SELECT \(columns) FROM payments WHERE status = 'refund_refused' AND due_at <= now()
            ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
            """, [.int(limit)]
        ).map(entry)
    }

    /// Writes payments that nobody has changed since they were read; else `ConcurrentChange`. What is new to be asked
    /// of the gateway is due at once, or after `lease` where it is claimed.
    static func save(_ entries: [(OrderKey, Entry)], lease: Duration = .zero, on connection: Connection) throws {
        guard !entries.isEmpty else { return }
        let (new, known) = (entries.filter { $0.1.version == 0 }, entries.filter { $0.1.version > 0 })
        let answers = try ConcurrentChange.inserting(entries[0].0.orderID) {
            try connection.pipeline { pipeline in
                if !new.isEmpty { write(new, lease: lease, in: &pipeline) }
                if !known.isEmpty { write(known, lease: lease, over: replacing, in: &pipeline) }
            }
        }
        guard answers.reduce(0, { $0 + $1.affected }) == entries.count else {
            throw ConcurrentChange(streamID: entries[0].0.orderID)
        }
    }

    /// What an INSERT does where the payment is as it was read.
    private static let replacing = """
        ON CONFLICT (tenant, order_id) DO UPDATE SET
            status = excluded.status, user_id = excluded.user_id, amount = excluded.amount,
            currency = excluded.currency, payment_token = excluded.payment_token,
            charge_reference = excluded.charge_reference, refund_reference = excluded.refund_reference,
            reason = excluded.reason, refund_round = excluded.refund_round, attempts = excluded.attempts,
            correlation_id = excluded.correlation_id, causation_id = excluded.causation_id,
            traceparent = excluded.traceparent, version = excluded.version, updated_at = now(),
            token_awaited = excluded.token_awaited, sealed_token = excluded.sealed_token,
            token_key = excluded.token_key, heard = excluded.heard, express = excluded.express,
            due_at = CASE WHEN excluded.attempts = 0 OR excluded.due_at > now() THEN excluded.due_at
                          ELSE payments.due_at END
            WHERE payments.version = excluded.version - 1
        """

    private static func write(
        _ entries: [(OrderKey, Entry)], lease: Duration, over conflict: String = "", in pipeline: inout Pipeline
    ) {
        let processes = entries.map(\.1.process)
        pipeline.query(
            """
            INSERT INTO payments (tenant, order_id, status, user_id, amount, currency, payment_token, charge_reference,
                                  refund_reference, reason, refund_round, attempts, correlation_id, causation_id,
                                  traceparent, version, token_awaited, sealed_token, token_key, heard, express, due_at)
            SELECT tenant, order_id, status, user_id, amount, currency, payment_token, charge_reference,
                   refund_reference, reason, refund_round, attempts, correlation_id, causation_id, traceparent,
                   version, token_awaited, sealed_token, token_key, heard, express,
                   now() + CASE WHEN claimed THEN make_interval(secs => $23) WHEN express THEN -\(ExpressHeadStart.sql)
                           ELSE interval '0' END
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[],
                        $8::text[], $9::text[], $10::text[], $11::int[], $12::int[], $13::text[], $14::text[],
                        $15::text[], $16::int[], $17::boolean[], $18::bytea[], $19::bytea[], $20::text[], $21::boolean[],
                        $22::boolean[])
                AS new (tenant, order_id, status, user_id, amount, currency, payment_token, charge_reference,
                        refund_reference, reason, refund_round, attempts, correlation_id, causation_id, traceparent,
                        version, token_awaited, sealed_token, token_key, heard, express, claimed)
            \(conflict)
            """,
            [
                .textArray(entries.map(\.0.tenant)), .textArray(entries.map(\.0.orderID)),
                .textArray(processes.map(\.status.rawValue)), .textArrayOptional(processes.map(\.terms?.userID)),
                .int8ArrayOptional(processes.map(\.terms?.amount.minorUnits)),
                .textArrayOptional(processes.map(\.terms?.amount.currency.code)),
                .textArrayOptional(processes.map(\.neededToken.text)),
                .textArrayOptional(processes.map(\.chargeReference)),
                .textArrayOptional(processes.map(\.refundReference)), .textArrayOptional(processes.map(\.reason)),
                .int4Array(processes.map { Int32(clamping: $0.refundRound) }),
                .int4Array(processes.map { Int32(clamping: $0.attempts) }),
                .textArray(entries.map(\.1.cause.correlationID)), .textArray(entries.map(\.1.cause.causationID)),
                .textArrayOptional(entries.map(\.1.cause.traceparent)), .int4Array(entries.map { $0.1.version + 1 }),
                .boolArray(processes.map { $0.neededToken == .awaited }),
                .bytesArrayOptional(processes.map(\.neededToken.sealed)),
                .bytesArrayOptional(processes.map { $0.awaitsToken ? $0.tokenKey : nil }),
                .textArrayOptional(entries.map(\.1.heard.text)),
                .boolArray(entries.map { $0.1.cause.priority == .express }), .boolArray(entries.map(\.1.isClaimed)),
                .float8(lease / .seconds(1)),
            ])
    }

    /// Writes the ends of payments that nobody has changed since they were claimed, and returns whose those are. Whoever
    /// has ended needs no token, nor anything of the gateway.
    static func end(_ entries: [(OrderKey, Entry)], on connection: Connection) throws -> Set<OrderKey> {
        guard !entries.isEmpty else { return [] }
        let processes = entries.map(\.1.process)
        let written = try connection.query(
            """
            UPDATE payments SET
                status = new.status, charge_reference = new.charge_reference,
                refund_reference = new.refund_reference, reason = new.reason, attempts = new.attempts,
                payment_token = NULL, sealed_token = NULL, token_key = NULL, token_awaited = false,
                version = payments.version + 1, updated_at = now()
            FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[])
                AS new (tenant, order_id, version, status, charge_reference, refund_reference, reason, attempts)
            WHERE payments.tenant = new.tenant AND payments.order_id = new.order_id
                AND payments.version = new.version
            RETURNING payments.tenant, payments.order_id
            """,
            [
                .textArray(entries.map(\.0.tenant)), .textArray(entries.map(\.0.orderID)),
                .int4Array(entries.map(\.1.version)), .textArray(processes.map(\.status.rawValue)),
                .textArrayOptional(processes.map(\.chargeReference)),
                .textArrayOptional(processes.map(\.refundReference)), .textArrayOptional(processes.map(\.reason)),
                .int4Array(processes.map { Int32(clamping: $0.attempts) }),
            ])
        return try Set(written.map { try OrderKey($0) })
    }

    /// A later time for asking the gateway.
    struct Postponement: Sendable {
        let key: OrderKey
        let delay: Duration
        let error: String
        /// False gives the attempt back that `claim` has counted.
        let wasAsked: Bool
    }

    /// Call after `load` of the same payments, which locks them in order.
    static func postpone(_ postponements: [Postponement], on connection: Connection) throws {
        guard !postponements.isEmpty else { return }
        _ = try connection.execute(
            """
            UPDATE payments SET
                due_at = now() + later.milliseconds * interval '1 millisecond', last_error = later.error,
                attempts = attempts - CASE WHEN later.asked THEN 0 ELSE 1 END
            FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::boolean[])
                AS later (tenant, order_id, milliseconds, error, asked)
            WHERE payments.tenant = later.tenant AND payments.order_id = later.order_id
            """,
            [
                .textArray(postponements.map(\.key.tenant)), .textArray(postponements.map(\.key.orderID)),
                .int8Array(postponements.map { Int64($0.delay / .milliseconds(1)) }),
                .textArray(postponements.map(\.error)), .boolArray(postponements.map(\.wasAsked)),
            ])
    }

    private static func entry(_ row: Row) throws -> (OrderKey, Entry) {
        let text = try row.get(2, as: String.self)
        guard let status = PaymentProcess.Status(rawValue: text) else {
            throw UnknownStatus(table: "payments", status: text)
        }
        var process = PaymentProcess(
            status: status, terms: try terms(row), chargeReference: try row.get(7, as: String?.self),
            refundReference: try row.get(8, as: String?.self), reason: try row.get(9, as: String?.self),
            refundRound: Int(try row.get(10, as: Int32.self)), attempts: Int(try row.get(11, as: Int32.self)))
        process.tokenKey = try row.get(18, as: [UInt8]?.self)
        let cause = Cause(
            correlationID: try row.get(12, as: String.self), causationID: try row.get(13, as: String.self),
            traceparent: try row.get(14, as: String?.self),
            priority: try row.get(20, as: Bool.self) ? .express : .ordinary)
        return (
            try OrderKey(row),
            Entry(
                process: process, cause: cause, heard: HeardMessages(stored: try row.get(19, as: String?.self)),
                version: try row.get(15, as: Int32.self))
        )
    }

    private static func terms(_ row: Row) throws -> PaymentProcess.Terms? {
        guard let userID = try row.get(3, as: String?.self), let amount = try row.get(4, as: Int64?.self),
            let code = try row.get(5, as: String?.self)
        else { return nil }
        guard let currency = Currency(code: code) else { throw UnknownStatus(table: "payments", status: code) }
        return PaymentProcess.Terms(
            userID: userID, amount: Money(minorUnits: amount, currency: currency), token: try token(row))
    }

    private static func token(_ row: Row) throws -> PaymentProcess.Token {
        if try row.get(16, as: Bool.self) { return .awaited }
        if let sealed = try row.get(17, as: [UInt8]?.self) { return .sealed(sealed) }
        return try row.get(6, as: String?.self).map { .readable($0) } ?? .none
    }
}

extension PaymentProcess.Token {
    fileprivate var text: String? { if case .readable(let text) = self { text } else { nil } }
    fileprivate var sealed: [UInt8]? { if case .sealed(let bytes) = self { bytes } else { nil } }
}
