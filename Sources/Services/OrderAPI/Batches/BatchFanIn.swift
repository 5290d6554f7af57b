import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// How the orders of batches end, counted in the transaction that ends them: an order's stream takes one end only, so
/// that each is counted once, whatever comes twice.
///
/// A transaction writes one row for each batch of its orders, however many of them it ends, and none without.
struct BatchFanIn {
    /// Where `BatchCompleted` is said.
    let topic: String

    /// An order of a batch that has just ended.
    struct End {
        enum Outcome {
            case confirmed
            case cancelled(reason: String)
        }

        let order: OrderKey
        let place: BatchPlace
        let outcome: Outcome

        /// What an event of an order's stream is to its batch; nil where the order goes on.
        init?(_ event: OrderEvent, of order: OrderKey, in place: BatchPlace) {
            switch event {
            case .confirmed: outcome = .confirmed
            case .cancelled(let cancelled): outcome = .cancelled(reason: cancelled.reason)
            // Counted when it is heard of, by whichever way it was withdrawn.
            case .withdrawn, .created, .scheduled, .cancellationRequested: return nil
            }
            self.order = order
            self.place = place
        }

        /// An order that was withdrawn before its time.
        init(_ withdrawn: OrderWithdrawn, of order: OrderKey, in place: BatchPlace) {
            outcome = .cancelled(reason: withdrawn.reason)
            self.order = order
            self.place = place
        }

        var batch: BatchKey { BatchKey(tenant: order.tenant, batchID: place.batchID) }
    }

    /// Counts the ends, and says of each batch whose last orders they were that it is completed.
    func count(_ ends: [End], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        guard !ends.isEmpty else { return }
        var sums: [BatchKey: (confirmed: Int32, cancelled: Int32)] = [:]
        var cancelled: [(end: End, reason: String)] = []
        for end in ends {
            switch end.outcome {
            case .confirmed: sums[end.batch, default: (0, 0)].confirmed += 1
            case .cancelled(let reason):
                sums[end.batch, default: (0, 0)].cancelled += 1
                cancelled.append((end, reason))
            }
        }
        let batches = sums.sorted { $0.key < $1.key }
        let keys: [Parameter] = [.textArray(batches.map(\.key.tenant)), .textArray(batches.map(\.key.batchID))]
        let rows = try connection.pipeline { pipeline in
            if !cancelled.isEmpty { BatchFailure.keep(cancelled, in: &pipeline) }
            // In one order for everybody, so that two transactions never wait for each other in a circle.
            pipeline.query(
                """
                SELECT FROM batches WHERE (tenant, batch_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
                ORDER BY tenant, batch_id
                FOR NO KEY UPDATE
                """, keys)
            pipeline.query(
                """
                UPDATE batches AS b SET
                    confirmed = b.confirmed + ended.confirmed, cancelled = b.cancelled + ended.cancelled,
                    completed_at = CASE
                        WHEN b.confirmed + ended.confirmed + b.cancelled + ended.cancelled = b.accepted
                            THEN coalesce(b.completed_at, clock_timestamp())
                        ELSE b.completed_at END
                FROM unnest($1::text[], $2::text[], $3::int[], $4::int[])
                    AS ended (tenant, batch_id, confirmed, cancelled)
                WHERE b.tenant = ended.tenant AND b.batch_id = ended.batch_id
                RETURNING \(Self.columns(of: "b"))
                """, keys + [.int4Array(batches.map(\.value.confirmed)), .int4Array(batches.map(\.value.cancelled))])
        }
        for row in rows[rows.count - 1] where !row.isNull(Self.completedAt) {
            outbox.append(try Self.completion(row, on: topic))
        }
    }

    // MARK: BatchCompleted

    /// What `completion` reads.
    static func columns(of table: String) -> String {
        [
            "tenant", "batch_id", "accepted", "confirmed", "cancelled", "refused", "whole", "opened_at", "sealed_at",
            "completed_at",
        ].map { "\(table).\($0)" }.joined(separator: ", ")
    }

    private static let completedAt = 9

    /// The fact of a batch that the transaction under way completes.
    static func completion(_ row: Row, on topic: String) throws -> OutgoingEvent {
        let at = try row.get(completedAt, as: Timestamp.self).microseconds
        let fact = BatchCompleted(
            batchID: try row.get(1), accepted: Int(try row.get(2, as: Int32.self)),
            confirmed: Int(try row.get(3, as: Int32.self)), cancelled: Int(try row.get(4, as: Int32.self)),
            refused: Int(try row.get(5, as: Int32.self)), isWhole: try row.get(6),
            openedAt: try row.get(7, as: Timestamp.self).microseconds,
            sealedAt: try row.get(8, as: Timestamp.self).microseconds, at: at)
        return try OutgoingEvent(
            fact, topic: topic,
            metadata: EventMetadata(
                id: UUIDText.v7(microseconds: at), source: OrderStreams.source, time: at, tenant: try row.get(0),
                correlationID: fact.batchID))
    }
}
