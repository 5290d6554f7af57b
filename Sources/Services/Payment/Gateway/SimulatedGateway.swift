import Execution
import Orders
import Postgres

/// A gateway for development and tests that charges nobody. Its ledger is durable and its own: each call commits by
/// itself, apart from our transactions, as a remote party's would.
///
/// What it does is told by the order's `paymentToken`: see `SimulatedBehaviour`.
public struct SimulatedGateway: PaymentGateway {
    public struct Configuration: Sendable {
        public var latency: Duration = .milliseconds(20)
        /// How many of the calls end without an answer, done or not: from 0 to 1.
        public var failureRate = 0.0
        /// How long a call hangs that is meant to.
        public var hang: Duration = .seconds(5)

        public init() {}
    }

    private let configuration: Configuration
    private let ledger: ConnectionPool

    public init(_ configuration: Configuration = Configuration(), ledger: ConnectionPool) {
        self.configuration = configuration
        self.ledger = ledger
    }

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

    public func charge(_ charge: GatewayCharge) throws(GatewayError) -> String {
        let behaviour = SimulatedBehaviour(token: charge.paymentToken)
        let answer = try call(behaviour) { connection in
            try Self.decide(charge, behaviour, on: connection)
        }
        return try deliver(answer, behaviour)
    }

    public func refund(_ refund: GatewayRefund) throws(GatewayError) -> String {
        try deliver(try call(SimulatedBehaviour()) { try Self.decide(refund, on: $0) }, SimulatedBehaviour())
    }

    // MARK: Between us and the ledger

    /// One row of the ledger after a call.
    private struct Answer: Sendable {
        let calls: Int
        let outcome: String?
        let reference: String
        let reason: String?

        init(_ row: Row) throws {
            calls = Int(try row.get(0, as: Int32.self))
            outcome = try row.get(1, as: String?.self)
            reference = try row.get(2, as: String.self)
            reason = try row.get(3, as: String?.self)
        }
    }

    private func call(
        _ behaviour: SimulatedBehaviour, _ body: @escaping @Sendable (Connection) throws -> Answer
    ) throws(GatewayError) -> Answer {
        StopSignal().wait(for: configuration.latency + behaviour.extraLatency)
        if Double.random(in: 0..<1) < configuration.failureRate / 2 { throw .unknown("lost on its way there") }
        let result = Monitor<Result<Answer, any Error>?>(nil)
        let isQueued = ledger.submit { connection in
            let answer = Result { try body(connection.get()) }
            result.update { $0 = answer }
        }
        guard isQueued else { throw .unavailable("the simulated gateway is overloaded") }
        switch result.wait(for: nil, { $0 }) {
        case .success(let answer): return answer
        case .failure(let error): throw .unknown("\(error)")
        case nil: throw .unknown("no answer")
        }
    }

    private func deliver(_ answer: Answer, _ behaviour: SimulatedBehaviour) throws(GatewayError) -> String {
        if answer.calls == 1, behaviour.hangsFirst {
            StopSignal().wait(for: configuration.hang)
            throw .unknown("timed out")
        }
        if Double.random(in: 0..<1) < configuration.failureRate / 2 { throw .unknown("lost on its way back") }
        switch answer.outcome {
        case nil: throw .unavailable("HTTP 500")
        case "done":
            if answer.calls == 1, behaviour.losesFirstAnswer { throw .unknown("the answer was lost") }
            return answer.reference
        default: throw .declined(answer.reason ?? "declined")
        }
    }

    // MARK: The ledger

    /// One statement, so that the usual charge is one commit.
    private static func decide(
        _ charge: GatewayCharge, _ behaviour: SimulatedBehaviour, on connection: Connection
    ) throws -> Answer {
        try Answer(
            connection.query(
                """
                INSERT INTO gateway_ledger AS known
                    (idempotency_key, operation, amount, currency, payment_token, reference, reason, outcome)
                VALUES ($1, 'charge', $2, $3, $4, $5, $6, CASE WHEN $8::int = 0 THEN $7::text END)
                ON CONFLICT (idempotency_key) DO UPDATE SET
                    calls = known.calls + 1,
                    outcome = COALESCE(known.outcome, CASE WHEN known.calls >= $8::int THEN $7::text END)
                RETURNING calls, outcome, reference, reason
                """,
                [
                    .text(charge.idempotencyKey), .int8(charge.amount.minorUnits),
                    .text(charge.amount.currency.code),
                    // A token that tells it nothing isn't kept.
                    .text(behaviour == SimulatedBehaviour() ? nil : charge.paymentToken),
                    .text("ch_" + UUIDText.v5(name: charge.idempotencyKey)), .text(behaviour.declineReason),
                    .text(behaviour.declineReason == nil ? "done" : "declined"),
                    .int4(Int32(behaviour.failuresFirst)),
                ]
            ).one())
    }

    private static func decide(_ refund: GatewayRefund, on connection: Connection) throws -> Answer {
        try connection.transaction { connection in
            // Refunds of one charge wait for each other here.
            let charge = try connection.query(
                """
                SELECT payment_token FROM gateway_ledger
                WHERE reference = $1 AND operation = 'charge' AND outcome = 'done' FOR UPDATE
                """, [.text(refund.chargeReference)]
            ).first
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
            return try Answer(
                connection.query(
                    """
                    INSERT INTO gateway_ledger AS known
                        (idempotency_key, operation, amount, currency, charge_reference, reference, reason, outcome)
                    VALUES ($1, 'refund', $2, $3, $4, $5, $6, CASE WHEN $6 IS NULL THEN 'done' ELSE 'declined' END)
                    ON CONFLICT (idempotency_key) DO UPDATE SET calls = known.calls + 1
                    RETURNING calls, outcome, reference, reason
                    """,
                    [
                        .text(refund.idempotencyKey), .int8(refund.amount.minorUnits),
                        .text(refund.amount.currency.code), .text(refund.chargeReference),
                        .text("re_" + UUIDText.v5(name: refund.idempotencyKey)), .text(reason),
                    ]
                ).one())
        }
    }
}
