/// What a caller has to be allowed to do. Every group of routes names the one that it needs; a caller's token or key
/// has it under its `rawValue` as a scope.
///
/// Today every caller has every right: who it is isn't asked yet.
public enum Right: String, Sendable, CaseIterable {
    case ordersWrite = "orders:write"
    case ordersRead = "orders:read"
    case usersWrite = "users:write"
    /// Invoices, sales, customers.
    case reportsRead = "reports:read"
    case stockRead = "stock:read"
    case stockWrite = "stock:write"
    /// The dashboard, what waits for a person, sagas, metrics.
    case operate
    /// Needed by nobody: liveness, readiness, the description of the API.
    case open
}
