import OrderflowKit

/// What must hold in the tables of webhooks at any moment: `orderflow status --verify` asks.
enum WebhookEvidence {
    static let all = [
        Evidence(
            "every fact is queued for each webhook that wants it",
            sql: """
                SELECT facts.tenant || '/' || facts.order_key,
                       format('%s at position %s was queued for %s webhooks, and %s rows are there',
                              facts.type, facts.position, facts.endpoints, count(deliveries.fact))
                FROM facts LEFT JOIN deliveries ON deliveries.fact = facts.position
                GROUP BY facts.position HAVING count(deliveries.fact) <> facts.endpoints
                """),
        Evidence(
            "every webhook accepts an order's facts in their order",
            sql: """
                SELECT tenant || '/' || order_key,
                       format('webhook %s accepted position %s after %s', endpoint, earlier, fact)
                FROM (SELECT tenant, order_key, endpoint, fact, accepted,
                             lag(accepted) OVER same AS before, lag(fact) OVER same AS earlier
                      FROM deliveries WHERE NOT is_replay
                      WINDOW same AS (PARTITION BY endpoint, order_key ORDER BY fact)) d
                WHERE accepted IS NOT NULL AND earlier IS NOT NULL AND (before IS NULL OR before > accepted)
                """),
    ]
}
