import Messaging

/// Something that must hold in a service's tables once everything has been handled: `orderflow status --verify` asks.
public struct Evidence: ServiceModulePart, Sendable {
    /// What holds, in a few words: "points add up".
    public let claim: String
    /// Rows that break it: the order's id (or whatever the row is about) and what is wrong, both as text. Read-only, in
    /// the service's own database.
    public let sql: String

    public init(_ claim: String, sql: String) {
        self.claim = claim
        self.sql = sql
    }

    /// Of what every service's database has.
    package static let general = [
        Evidence(
            "what was due is delivered",
            sql: """
                SELECT key, type || ' has been due since ' || due_at FROM scheduled_messages
                WHERE due_at < now() - interval '1 minute'
                """),
        Evidence(
            "what was delivered doesn't wait",
            sql: """
                SELECT s.key, s.type || ' is in the outbox too'
                FROM outbox o JOIN scheduled_messages s ON s.key = o.key AND s.type = o.type
                    AND s.metadata->>'id' = o.metadata->>'id'
                """),
        published(.outbox),
    ]

    /// Nothing that is committed waits for its relay, nor for being copied to the topics that routes lead to.
    package static func published(_ source: RelaySource) -> Evidence {
        Evidence("what was committed is published, with its copies", sql: source.waiting)
    }

    public func join(_ module: inout ServiceModule) { module.evidence.append(self) }
}
