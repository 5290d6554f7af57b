import Postgres

/// Instances under way name steps that their definition doesn't have any more, or can't undo any more, and that may have
/// to be undone: a definition without them would never undo what they did.
public struct RetiredSteps: Error, Hashable, Sendable, CustomStringConvertible {
    public struct Step: Hashable, Sendable {
        public let id: String
        /// Instances.
        public let count: Int64
    }

    public let saga: String
    /// In the order of their ids.
    public let steps: [Step]

    public var description: String {
        let which = steps.map { "\($0.id) in \($0.count)" }.joined(separator: ", ")
        return
            "saga \(saga): instances under way have steps that this program can't undo (\(which)); run the version that "
            + "can until those have ended (orderflow sagas list --status running, --status compensating), then this one"
    }
}

extension SagaDefinition {
    /// Throws `RetiredSteps` when open instances need steps that the definition lacks. Reads the open instances.
    public func checkOpenInstances(on connection: Connection) throws {
        let rows = try connection.withStatementTimeout(.seconds(600)) { connection in
            try connection.query(
                """
                SELECT step.key, count(*)
                FROM saga_instances i CROSS JOIN LATERAL json_each(i.state->'steps') AS step (key, value)
                WHERE i.saga = $1 AND i.ended_at IS NULL
                  AND NOT coalesce(step.value->'undo'->>'progress', '') IN ('succeeded', 'resolved')
                  AND (step.key <> ALL($2::text[]) AND step.value->>'progress' NOT IN ('waiting', 'failed')
                    -- It was asked to be undone, which somebody has to go on asking for.
                    OR step.key <> ALL($3::text[]) AND step.value->'undo' IS NOT NULL)
                GROUP BY step.key ORDER BY step.key
                """,
                [
                    .text(name), .textArray(steps.map(\.id)),
                    .textArray(steps.filter { $0.compensation != nil }.map(\.id)),
                ])
        }
        guard !rows.isEmpty else { return }
        throw RetiredSteps(
            saga: name,
            steps: try rows.map {
                RetiredSteps.Step(id: try $0.get(0, as: String.self), count: try $0.get(1, as: Int64.self))
            })
    }
}
