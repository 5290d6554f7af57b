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

    /// Instances that need a person.
    public static func sagaAttention(_ name: String) -> BacklogQuery {
        BacklogQuery(
            "orderflow_sagas_attention", dimensions: [("saga", name)],
            sql: "SELECT count(*)::float8 FROM saga_instances WHERE saga = $1 AND attention IS NOT NULL",
            parameters: [.text(name)])
    }
}
