import JSON
import Orders
import Postgres

/// How endpoints fare, for operators: of all tenants, those in trouble first, and no secret of any.
package struct EndpointStandings: Sendable {
    package struct Entry: Sendable {
        package let id: String
        package let tenant: String
        /// Without a query, which may hold what only its owner should know.
        package let url: String
        package let state: String
        package let reason: String?
        package let failures: Int
        /// Facts that are to be sent to it, up to `dueLimit`.
        package let due: Int
        /// When the first of them was heard of. Microseconds since the Unix epoch.
        package let oldestAt: Int64?
        package let lastStatus: Int?
        package let lastError: String?
        package let lastAt: Int64?
    }

    /// Of each endpoint no more are counted: it is read again every few seconds.
    package static let dueLimit = 1_000

    /// How many there are, by state.
    package let counts: [String: Int]
    package let entries: [Entry]

    /// - Parameter limit: entries at most.
    package static func read(limit: Int, on connection: Connection) throws -> EndpointStandings {
        let counts = try connection.query(
            "SELECT state, count(*) FROM endpoints WHERE state <> 'deleted' GROUP BY state", []
        ).map { row in (try row.get(0, as: String.self), Int(try row.get(1, as: Int64.self))) }
        let entries = try connection.query(
            """
            SELECT e.id, e.tenant, split_part(e.url, '?', 1), e.state, e.reason, q.failures,
                   (SELECT count(*) FROM (SELECT 1 FROM deliveries
                                          WHERE endpoint = e.number AND state = 'pending' LIMIT $2) AS due),
                   (SELECT heard_at FROM facts WHERE position =
                        (SELECT min(fact) FROM deliveries WHERE endpoint = e.number AND state = 'pending')),
                   q.last_status, q.last_error, q.last_at
            FROM (SELECT endpoint, state = 'suspended' AS is_suspended, failures > 0 AS is_failing, last_at AS at
                  FROM queues JOIN endpoints ON number = endpoint
                  WHERE state <> 'deleted' ORDER BY 2 DESC, 3 DESC, 4 DESC NULLS LAST, 1 LIMIT $1) AS first
            JOIN endpoints e ON e.number = first.endpoint JOIN queues q ON q.endpoint = first.endpoint
            ORDER BY is_suspended DESC, is_failing DESC, at DESC NULLS LAST, e.number
            """, [.int(limit), .int(dueLimit)]
        ).map { row in
            Entry(
                id: try row.get(0), tenant: try row.get(1), url: try row.get(2), state: try row.get(3),
                reason: try row.get(4), failures: Int(try row.get(5, as: Int32.self)),
                due: Int(try row.get(6, as: Int64.self)), oldestAt: try row.get(7, as: Timestamp?.self)?.microseconds,
                lastStatus: try row.get(8, as: Int32?.self).map(Int.init), lastError: try row.get(9),
                lastAt: try row.get(10, as: Timestamp?.self)?.microseconds)
        }
        return EndpointStandings(counts: Dictionary(counts, uniquingKeysWith: { $1 }), entries: entries)
    }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.field("active", counts["active"] ?? 0)
            json.field("paused", counts["paused"] ?? 0)
            json.field("suspended", counts["suspended"] ?? 0)
            json.key("endpoints")
            json.array { json in for entry in entries { entry.write(to: &json) } }
        }
    }
}

extension EndpointStandings.Entry {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.field("id", id)
            json.field("tenant", tenant)
            json.field("url", url)
            json.field("state", state)
            json.field("reason", reason)
            json.field("failures", failures)
            json.field("due", due)
            if let oldestAt { json.time("oldest", oldestAt) }
            if let lastStatus { json.field("lastStatus", lastStatus) }
            json.field("lastError", lastError)
            if let lastAt { json.time("last", lastAt) }
        }
    }
}
