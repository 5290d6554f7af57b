import OrderflowKit

/// What must hold of batches: their counts are made as orders end, and held here against the event store, which knows of
/// each order in which batch it came and how it ended.
enum BatchEvidence {
    static let counts =
        Evidence(
            "a batch's counts are those of its orders",
            // The text is looked at first: most orders came in no batch, and their metadata needn't be parsed.
            sql: """
                SELECT coalesce(b.batch_id, f.batch_id), format(
                    'counts %s accepted, %s confirmed, %s cancelled; the event store has %s, %s, %s',
                    b.accepted, b.confirmed, b.cancelled, f.accepted, f.confirmed, f.cancelled)
                FROM (
                    SELECT tenant, batch_id, confirmed, cancelled,
                        coalesce(accepted, (
                            SELECT coalesce(sum(p.accepted), 0)::int FROM batch_parts p
                            WHERE p.tenant = batches.tenant AND p.batch_id = batches.batch_id)) AS accepted
                    FROM batches
                ) AS b
                FULL JOIN (
                    SELECT c.tenant, c.metadata->>'batch' AS batch_id, count(*) AS accepted,
                        count(*) FILTER (WHERE e.type = 'OrderConfirmed') AS confirmed,
                        count(*) FILTER (WHERE e.type IN ('OrderCancelled', 'OrderWithdrawn')) AS cancelled
                    FROM events c LEFT JOIN events e ON e.tenant = c.tenant AND e.stream_id = c.stream_id
                        AND e.version > 1 AND e.type IN ('OrderConfirmed', 'OrderCancelled', 'OrderWithdrawn')
                    WHERE c.version = 1 AND c.category = '\(OrderStreams.category)'
                        AND c.metadata::text LIKE '%"batch":"%' AND EXISTS (SELECT FROM batches)
                    GROUP BY 1, 2
                ) AS f USING (tenant, batch_id)
                WHERE (coalesce(b.accepted, 0), coalesce(b.confirmed, 0), coalesce(b.cancelled, 0))
                    <> (coalesce(f.accepted, 0), coalesce(f.confirmed, 0), coalesce(f.cancelled, 0))
                """)

    static let ends =
        Evidence(
            "a batch whose orders have all ended is completed, and has a reason for each that failed",
            sql: """
                SELECT batch_id, format(
                    '%s of %s orders have ended, %s lines are refused, %s failures are kept, completed: %s',
                    confirmed + cancelled, accepted, refused, failures, completed_at IS NOT NULL)
                FROM batches b, LATERAL (
                    SELECT count(*) FROM batch_failures f WHERE f.tenant = b.tenant AND f.batch_id = b.batch_id
                ) AS kept (failures)
                WHERE sealed_at IS NOT NULL AND (
                    failures <> refused + cancelled OR (confirmed + cancelled = accepted) <> (completed_at IS NOT NULL))
                """)
}
