import JSON
import Orders
import Postgres

/// An endpoint as its tenant sees it.
package struct Endpoint: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case active
        /// By its tenant. Facts wait.
        case paused
        /// By us: the receiver has refused for too long, or for good. Facts wait.
        case suspended
    }

    package let number: Int64
    package let id: String
    package let url: String
    package let types: [String]
    package let state: State
    package let reason: String?
    /// Until when the secret before this one signs too; nil where there is none.
    package let formerUntil: Int64?
    package let createdAt: Int64
    package let changedAt: Int64
    /// Facts that wait, counted up to `pendingLimit`.
    package let pending: Int
    /// When the one that has waited longest was heard.
    package let oldestPending: Int64?
    package let failures: Int
    package let notBefore: Int64?
    package let acceptedAt: Int64?
    package let lastStatus: Int?
    package let lastError: String?
    package let lastAt: Int64?
    package let isReplaying: Bool

    package static let pendingLimit = 1_000

    static let columns = """
        e.number, e.id, e.url, e.types, e.state, e.reason,
        CASE WHEN e.former_until > now() THEN e.former_until END, e.created_at, e.changed_at,
        (SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE d.endpoint = e.number AND d.state = 'pending'
                               LIMIT \(pendingLimit)) waiting),
        (SELECT f.heard_at FROM deliveries d JOIN facts f ON f.position = d.fact
         WHERE d.endpoint = e.number AND d.state = 'pending' ORDER BY d.fact LIMIT 1),
        q.failures, q.not_before, q.accepted_at, q.last_status, q.last_error, q.last_at, q.replay_next IS NOT NULL
        """

    init(_ row: Row) throws {
        func time(_ column: Int) throws -> Int64? { try row.get(column, as: Timestamp?.self)?.microseconds }
        number = try row.get(0)
        id = try row.get(1)
        url = try row.get(2)
        types = try row.get(3)
        state = State(rawValue: try row.get(4)) ?? .suspended
        reason = try row.get(5)
        formerUntil = try time(6)
        createdAt = try row.get(7, as: Timestamp.self).microseconds
        changedAt = try row.get(8, as: Timestamp.self).microseconds
        pending = try row.get(9)
        oldestPending = try time(10)
        failures = Int(try row.get(11, as: Int32.self))
        notBefore = try time(12)
        acceptedAt = try time(13)
        lastStatus = try row.get(14, as: Int32?.self).map(Int.init)
        lastError = try row.get(15)
        lastAt = try time(16)
        isReplaying = try row.get(17)
    }
}

extension JSONWriter {
    /// - Parameter secret: shown once, where it was made.
    package mutating func endpoint(_ endpoint: Endpoint, secret: String? = nil) {
        object { json in
            json.field("id", endpoint.id)
            json.field("url", endpoint.url)
            json.key("types")
            json.array { json in for type in endpoint.types { json.value(type) } }
            json.field("state", endpoint.state.rawValue)
            json.field("reason", endpoint.reason)
            json.field("secret", secret)
            if let until = endpoint.formerUntil { json.time("formerSecretUntil", until) }
            json.time("createdAt", endpoint.createdAt)
            json.time("changedAt", endpoint.changedAt)
            json.field("pending", endpoint.pending)
            if let oldest = endpoint.oldestPending { json.time("oldestPendingAt", oldest) }
            json.field("replaying", endpoint.isReplaying)
            json.field("failures", endpoint.failures)
            if let notBefore = endpoint.notBefore { json.time("notBefore", notBefore) }
            if let at = endpoint.acceptedAt { json.time("acceptedAt", at) }
            if let at = endpoint.lastAt {
                json.key("lastTry")
                json.object { json in
                    json.time("at", at)
                    if let status = endpoint.lastStatus { json.field("status", status) }
                    json.field("error", endpoint.lastError)
                }
            }
        }
    }
}
