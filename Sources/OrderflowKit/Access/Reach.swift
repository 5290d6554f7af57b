import HTTPServer

/// Which data of a tenant a request gets at: everybody's, or what belongs to one user.
///
/// Lookups take it in the tenant's place, so that none can be written that forgets whom it looks for. What is out of
/// reach is not there: it is answered as what doesn't exist, by the same work.
public struct Reach: Hashable, Sendable {
    public let tenant: String
    /// The only user whose data it is; nil where it is everybody's.
    public let userID: String?
    /// What the caller asked for.
    private let right: Right

    fileprivate init(tenant: String, userID: String?, right: Right) {
        self.tenant = tenant
        self.userID = userID
        self.right = right
    }

    /// Everybody's data of a tenant, for what no caller asks for.
    package static func everything(of tenant: String) -> Reach {
        Reach(tenant: tenant, userID: nil, right: .ordersRead)
    }

    /// By bytes: to `String` a Kelvin sign and a K are equal, and they are two users.
    public func covers(_ userID: String) -> Bool {
        self.userID.map { $0.utf8.elementsEqual(userID.utf8) } ?? true
    }

    /// Throws 403 for a request that names another user than its caller.
    public func demand(_ userID: String) throws(HTTPProblem) {
        if !covers(userID) { throw AccessRefusal.foreign(right, user: userID) }
    }
}

extension RequestContext {
    /// Throws 403 where the caller lacks a right that nobody has for what is their own only.
    package func demand(_ right: Right) throws(HTTPProblem) {
        if principal.grant(of: right) != .all { throw AccessRefusal.missing(right) }
    }

    /// What the caller gets at under `right`, in a group of routes that needs it.
    public func reach(_ right: Right) throws(HTTPProblem) -> Reach {
        switch principal.grant(of: right) {
        case .all: Reach(tenant: tenant, userID: nil, right: right)
        case .own(let userID): Reach(tenant: tenant, userID: userID, right: right)
        // The gate has let nobody in without the right that the group names: a handler that asks for another one, or a
        // group that lets in by any of several.
        case .none: throw AccessRefusal.missing(right)
        }
    }
}
