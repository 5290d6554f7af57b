import Postgres

extension BacklogQuery {
    /// Instances that haven't ended.
    public static func sagas(_ name: String) -> BacklogQuery {
        BacklogQuery(
            "orderflow_sagas", dimensions: [("saga", name)], variable: ["status"],
            sql: """
                SELECT count(*)::float8, status FROM saga_instances WHERE saga = $1 AND ended_at IS NULL
                GROUP BY status
                """, parameters: [.text(name)])
    }

    /// Instances read at most: beyond it the exact number means nothing any more.
    private static let instanceLimit = 5_000

    /// What instances under way wait for: an answer to a step (`requested`), to its compensation (`undo-requested`), or
    /// the time to ask again for one that was refused.
    public static func sagaSteps(_ name: String) -> BacklogQuery {
        BacklogQuery(
            "orderflow_saga_waiting_steps", dimensions: [("saga", name)], variable: ["step", "progress"],
            sql: """
                WITH open AS MATERIALIZED (
                    SELECT state FROM saga_instances WHERE saga = $1 AND ended_at IS NULL LIMIT \(instanceLimit)
                ), calls AS (
                    SELECT s.key AS step, s.value->>'progress' AS progress FROM open, json_each(state->'steps') s
                    UNION ALL
                    SELECT s.key, 'undo-' || (s.value->'undo'->>'progress') FROM open, json_each(state->'steps') s
                    UNION ALL
                    SELECT '\(SagaInput.abortStep)', state->'abort'->>'progress' FROM open
                )
                SELECT count(*)::float8, step, progress FROM calls
                WHERE progress IN ('requested', 'refused', 'undo-requested', 'undo-refused') GROUP BY step, progress
                """, parameters: [.text(name)])
    }

    /// Instances that need a person.
    public static func sagaAttention(_ name: String) -> BacklogQuery {
        BacklogQuery(
            "orderflow_sagas_attention", dimensions: [("saga", name)],
            sql: "SELECT count(*)::float8 FROM saga_instances WHERE saga = $1 AND attention IS NOT NULL",
            parameters: [.text(name)])
    }
}
