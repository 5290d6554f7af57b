/// What a caller may do. Every group of routes names the right that it needs; a caller's token or key has it under its
/// `rawValue` as a scope.
public enum Right: String, Sendable, CaseIterable {
    case ordersWrite = "orders:write"
    case ordersRead = "orders:read"
    /// The same for the caller's own orders, whose `userId` is its subject.
    case ordersWriteOwn = "orders:write:own"
    case ordersReadOwn = "orders:read:own"
    /// Beside one to write orders: to have them go ahead of others (`"priority":"express"`).
    case ordersExpress = "orders:express"
    case usersWrite = "users:write"
    /// Invoices, sales, customers.
    case reportsRead = "reports:read"
    case stockRead = "stock:read"
    case stockWrite = "stock:write"
    /// Where a tenant is told of its orders.
    case webhooksRead = "webhooks:read"
    case webhooksWrite = "webhooks:write"
    /// The dashboard, what waits for a person, sagas, metrics.
    case operate
    /// To act for the tenant that `X-Tenant-Id` names.
    case tenantsAny = "tenants:any"
    /// No scope: what needs it needs no caller. Liveness, readiness, the description of the API.
    case open

    /// The lesser right of what is the caller's own; nil where there is none.
    public var own: Right? {
        switch self {
        case .ordersWrite: .ordersWriteOwn
        case .ordersRead: .ordersReadOwn
        default: nil
        }
    }

    /// Those that a token or a key can have.
    public static let scopes = allCases.filter { $0 != .open }
}

/// A set of rights.
public struct Rights: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public init(_ rights: some Sequence<Right>) {
        rawValue = rights.reduce(0) { $0 | Self.bit($1) }
    }

    /// Of a token's or key's scopes; those that are none of ours, such as `openid`, give no right.
    public init(scopes: some Sequence<some StringProtocol>) {
        self.init(scopes.compactMap { Right(rawValue: String($0)) }.filter { $0 != .open })
    }

    /// Every scope in full.
    public static let all = Rights(Right.scopes)

    public func contains(_ right: Right) -> Bool { right == .open || rawValue & Self.bit(right) != 0 }

    /// As scopes, in the order of their declaration.
    public var scopes: [String] { Right.scopes.filter(contains).map(\.rawValue) }

    private static func bit(_ right: Right) -> UInt32 {
        switch right {
        case .ordersWrite: 1
        case .ordersRead: 1 << 1
        case .ordersWriteOwn: 1 << 2
        case .ordersReadOwn: 1 << 3
        case .usersWrite: 1 << 4
        case .reportsRead: 1 << 5
        case .stockRead: 1 << 6
        case .stockWrite: 1 << 7
        case .operate: 1 << 8
        case .tenantsAny: 1 << 9
        case .webhooksRead: 1 << 10
        case .webhooksWrite: 1 << 11
        case .ordersExpress: 1 << 12
        case .open: 0
        }
    }
}
