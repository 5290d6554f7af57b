/// Where a process of a role answers HTTP.
public struct RoleAddress: Hashable, Sendable {
    public let role: String
    /// Such as `http://payment:3005`.
    public let url: String
    /// Whether it is amiss that nobody answers there.
    public let isExpected: Bool

    public init(role: String, url: String, isExpected: Bool = true) {
        self.role = role
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.isExpected = isExpected
    }
}
