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

    public func join(_ module: inout ServiceModule) { module.evidence.append(self) }
}
