import Orders
import Postgres

/// What the simulated gateway knows, by idempotency key: the `gateway_ledger` table.
enum SimulatedLedger {
    static let schema = """
        -- What the simulated gateway knows, by idempotency key. Nothing else refers to it.
        CREATE TABLE gateway_ledger (
            idempotency_key  text PRIMARY KEY,
            operation        text   NOT NULL CHECK (operation IN ('charge', 'refund')),
            amount           bigint NOT NULL,
            currency         text   NOT NULL,
            payment_token    text,
            charge_reference text,
            calls            int    NOT NULL DEFAULT 1,
            -- Null while the gateway fails before it decides.
            outcome          text CHECK (outcome IN ('done', 'declined')),
            reference        text   NOT NULL,
            reason           text,
            created_at       timestamptz NOT NULL DEFAULT now()
        );
        CREATE UNIQUE INDEX gateway_charges ON gateway_ledger (reference) WHERE operation = 'charge';
        -- No charge is given back twice, whatever it is asked.
        CREATE UNIQUE INDEX gateway_refunds ON gateway_ledger (charge_reference)
            WHERE operation = 'refund' AND outcome = 'done';
        """

    /// A charge's reference is its key now, by which it is found: only those of before need an index. Tries of a refund
    /// are found by their charge.
    static let chargesByKey = """
        DROP INDEX gateway_charges;
        CREATE UNIQUE INDEX gateway_charges ON gateway_ledger (reference)
            WHERE operation = 'charge' AND reference <> 'ch_' || idempotency_key;
        CREATE INDEX gateway_refund_tries ON gateway_ledger (charge_reference) WHERE operation = 'refund';
        """

    /// One row of the ledger after a call.
    struct Entry: Sendable {
        let calls: Int
        let outcome: String?
        let reference: String
        let reason: String?

        fileprivate init(_ row: Row) throws {
            calls = Int(try row.get(1, as: Int32.self))
            outcome = try row.get(2, as: String?.self)
            reference = try row.get(3, as: String.self)
            reason = try row.get(4, as: String?.self)
        }
    }

    /// Decides on requests, inside of a transaction, and returns an entry for each: all usual charges by one statement.
    static func decide(
        _ requests: [(GatewayRequest, SimulatedBehaviour)], on connection: Connection
    ) throws -> [Entry] {
        var usual: [(index: Int, GatewayCharge, SimulatedBehaviour)] = []
        var single: [Int] = []
        var keys: Set<String> = []
        for (index, (request, behaviour)) in requests.enumerated() {
            // A statement changes a row once: a second call with a key comes after the first.
            if case .charge(let charge) = request, behaviour.failuresFirst == 0,
                keys.insert(charge.idempotencyKey).inserted
            {
                usual.append((index, charge, behaviour))
            } else {
                single.append(index)
            }
        }
        var entries: [Int: Entry] = [:]
        // Everybody takes rows in one order, so that nobody waits in a circle.
        usual.sort { $0.1.idempotencyKey < $1.1.idempotencyKey }
        let decided = try charge(usual.map { ($0.1, $0.2) }, on: connection)
        for charge in usual { entries[charge.index] = decided[charge.1.idempotencyKey] }
        for index in single.sorted(by: { requests[$0].0.order < requests[$1].0.order }) {
            switch requests[index].0 {
            case .charge(let charge): entries[index] = try decide(charge, requests[index].1, on: connection)
            case .refund(let refund): entries[index] = try decide(refund, on: connection)
            }
        }
        return try requests.indices.map { index in
            guard let entry = entries[index] else { throw MissingEntry() }
            return entry
        }
    }

    /// A call without a row: the table isn't what it was.
    private struct MissingEntry: Error, CustomStringConvertible {
        var description: String { "the ledger has no row of a call that it was asked for" }
    }

    private static func charge(
        _ charges: [(GatewayCharge, SimulatedBehaviour)], on connection: Connection
    ) throws -> [String: Entry] {
        guard !charges.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            INSERT INTO gateway_ledger AS known
                (idempotency_key, operation, amount, currency, payment_token, reference, reason, outcome)
            SELECT key, 'charge', amount, currency, token, 'ch_' || key, reason,
                   CASE WHEN reason IS NULL THEN 'done' ELSE 'declined' END
            FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[])
                AS charges (key, amount, currency, token, reason)
            ON CONFLICT (idempotency_key) DO UPDATE SET
                calls = known.calls + 1, outcome = COALESCE(known.outcome, excluded.outcome)
            RETURNING idempotency_key, calls, outcome, reference, reason
            """,
            [
                .textArray(charges.map(\.0.idempotencyKey)), .int8Array(charges.map(\.0.amount.minorUnits)),
                .textArray(charges.map(\.0.amount.currency.code)),
                .textArrayOptional(charges.map { token($0, $1) }), .textArrayOptional(charges.map(\.1.declineReason)),
            ])
        var entries: [String: Entry] = [:]
        for row in rows { entries[try row.get(0, as: String.self)] = try Entry(row) }
        return entries
    }

    /// A token that tells it nothing isn't kept.
    private static func token(_ charge: GatewayCharge, _ behaviour: SimulatedBehaviour) -> String? {
        behaviour == SimulatedBehaviour() ? nil : charge.paymentToken
    }

    private static func decide(
        _ charge: GatewayCharge, _ behaviour: SimulatedBehaviour, on connection: Connection
    ) throws -> Entry {
        try Entry(
            connection.query(
                """
                INSERT INTO gateway_ledger AS known
                    (idempotency_key, operation, amount, currency, payment_token, reference, reason, outcome)
                VALUES ($1, 'charge', $2, $3, $4, 'ch_' || $1, $5, CASE WHEN $7::int = 0 THEN $6::text END)
                ON CONFLICT (idempotency_key) DO UPDATE SET
                    calls = known.calls + 1,
                    outcome = COALESCE(known.outcome, CASE WHEN known.calls >= $7::int THEN $6::text END)
                RETURNING idempotency_key, calls, outcome, reference, reason
                """,
                [
                    .text(charge.idempotencyKey), .int8(charge.amount.minorUnits),
                    .text(charge.amount.currency.code), .text(token(charge, behaviour)),
                    .text(behaviour.declineReason), .text(behaviour.declineReason == nil ? "done" : "declined"),
                    .int4(Int32(behaviour.failuresFirst)),
                ]
            ).one())
    }

    private static func decide(_ refund: GatewayRefund, on connection: Connection) throws -> Entry {
        let charge = try lockCharge(refund.chargeReference, on: connection)
        let earlier = try connection.query(
            """
            SELECT count(*) FILTER (WHERE outcome = 'declined'), count(*) FILTER (WHERE outcome = 'done')
            FROM gateway_ledger WHERE operation = 'refund' AND charge_reference = $1 AND idempotency_key <> $2
            """, [.text(refund.chargeReference), .text(refund.idempotencyKey)]
        ).one()
        let refused = Int(try earlier.get(0, as: Int64.self))
        let isRefunded = try earlier.get(1, as: Int64.self) > 0
        let reason: String? =
            if let charge {
                isRefunded
                    ? "refunded already"
                    : SimulatedBehaviour(token: try charge.get(0, as: String?.self)).refusal(after: refused)
            } else { "there is no such charge" }
        return try Entry(
            connection.query(
                """
                INSERT INTO gateway_ledger AS known
                    (idempotency_key, operation, amount, currency, charge_reference, reference, reason, outcome)
                VALUES ($1, 'refund', $2, $3, $4, $5, $6, CASE WHEN $6 IS NULL THEN 'done' ELSE 'declined' END)
                ON CONFLICT (idempotency_key) DO UPDATE SET calls = known.calls + 1
                RETURNING idempotency_key, calls, outcome, reference, reason
                """,
                [
                    .text(refund.idempotencyKey), .int8(refund.amount.minorUnits),
                    .text(refund.amount.currency.code), .text(refund.chargeReference),
                    .text("re_" + UUIDText.v5(name: refund.idempotencyKey)), .text(reason),
                ]
            ).one())
    }

    /// Refunds of one charge wait for each other here.
    private static func lockCharge(_ reference: String, on connection: Connection) throws -> Row? {
        try connection.query(
            """
            SELECT payment_token FROM gateway_ledger
            WHERE idempotency_key = substr($1, 4) AND reference = $1 AND operation = 'charge' AND outcome = 'done'
            FOR UPDATE
            """, [.text(reference)]
        ).first
            ?? connection.query(
                """
                SELECT payment_token FROM gateway_ledger
                WHERE reference = $1 AND operation = 'charge' AND reference <> 'ch_' || idempotency_key
                    AND outcome = 'done'
                FOR UPDATE
                """, [.text(reference)]
            ).first
    }
}

extension GatewayRequest {
    /// What its rows are taken by.
    fileprivate var order: String {
        switch self {
        case .charge(let charge): charge.idempotencyKey
        case .refund(let refund): refund.chargeReference
        }
    }
}
