import Postgres

/// Instances under way have taken steps, or may have, that their definition doesn't have any more or would undo otherwise
/// than the definition that has led them: what they did would never be undone.
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
            + "can until those have ended (orderflow sagas list --status running, --status compensating), then this one; "
            + "orderflow sagas check names them"
    }
}

extension SagaDefinition {
    /// Steps that a former course undid by another command than this definition would, or that this one doesn't undo.
    func stepsUndoneOtherwise(than course: SagaCourse) -> Set<String> {
        Set(
            course.steps.filter { step in
                guard let compensation = step.compensation else { return false }
                return self.course.step(step.id)?.compensation?.command != compensation.command
            }.map(\.id))
    }

    /// Throws `RetiredSteps` when open instances need steps, or compensations, that the definition lacks.
    ///
    /// Reads who leads each of them; more of them only where this definition lacks something that another one has.
    public func checkOpenInstances(on connection: Connection) throws {
        var counts: [String: Int64] = [:]
        try connection.withStatementTimeout(.seconds(600)) { connection in
            for leader in try SagaDefinitions.leading(name, on: connection) where leader != fingerprint {
                let course = try SagaDefinitions.course(leader, of: name, on: connection)
                let lost = course.map { stepsUndoneOtherwise(than: $0) }
                if let course, let lost, lost.isEmpty, course.steps.allSatisfy({ self.course.step($0.id) != nil }) {
                    continue
                }
                for (step, count) in try owed(ledBy: leader, lost: lost ?? [], on: connection) {
                    counts[step, default: 0] += count
                }
            }
        }
        guard !counts.isEmpty else { return }
        throw RetiredSteps(
            saga: name,
            steps: counts.sorted { $0.key < $1.key }.map { RetiredSteps.Step(id: $0.key, count: $0.value) })
    }

    /// Steps of instances under way that may have to be undone and can't be, and in how many instances.
    private func owed(
        ledBy leader: String, lost: Set<String>, on connection: Connection
    ) throws -> [(step: String, count: Int64)] {
        try connection.query(
            """
            SELECT step.key, count(*)
            FROM saga_instances i CROSS JOIN LATERAL json_each(i.state->'steps') AS step (key, value)
            WHERE i.saga = $1 AND i.led_by = $2 AND i.ended_at IS NULL
              AND NOT coalesce(step.value->'undo'->>'progress', '') IN ('succeeded', 'resolved')
              AND (step.key <> ALL($3::text[]) AND step.value->>'progress' NOT IN ('waiting', 'failed')
                -- The undoing was asked for, which has to be gone on with.
                OR step.key <> ALL($4::text[]) AND step.value->'undo' IS NOT NULL
                OR step.key = ANY($5::text[]) AND (step.value->'undo' IS NOT NULL
                  OR step.value->>'progress' IN ('requested', 'succeeded', 'timed-out')))
            GROUP BY step.key
            """,
            [
                .text(name), .text(leader), .textArray(steps.map(\.id)),
                .textArray(steps.filter { $0.compensation != nil }.map(\.id)), .textArray(lost.sorted()),
            ]
        ).map { (try $0.get(0, as: String.self), try $0.get(1, as: Int64.self)) }
    }
}
