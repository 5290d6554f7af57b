import HTTPServer
import JSON

/// Which data of a tenant a request gets at: everybody's, or what belongs to one user.
///
/// Lookups take it in the tenant's place, so that none can be written that forgets whom it looks for. What is out of
/// reach is not there: it is answered as what doesn't exist, by the same work, and nobody takes note of it. Who *names*
/// another user is refused (`demand`), and that is noted.
public struct Reach: Sendable {
    public let tenant: String
    /// What keeps the caller to one user's data; nil where it gets at everybody's.
    private let bound: Bound?

    /// Made for callers alone that are kept to their own.
    private final class Bound: Sendable {
        let userID: String
        /// What the caller asked for.
        let right: Right
        let context: RequestContext

        init(_ userID: String, _ right: Right, _ context: RequestContext) {
            self.userID = userID
            self.right = right
            self.context = context
        }
    }

    /// Everybody's data of a tenant.
    package static func everything(of tenant: String) -> Reach { Reach(tenant: tenant, bound: nil) }

    private init(tenant: String, bound: Bound?) {
        self.tenant = tenant
        self.bound = bound
    }

    /// What belongs to one user, for a caller that may have no more.
    fileprivate static func own(of userID: String, under right: Right, _ context: RequestContext) -> Reach {
        Reach(tenant: context.tenant, bound: Bound(userID, right, context))
    }

    /// The only user whose data it is; nil where it is everybody's.
    public var userID: String? { bound?.userID }

    /// By bytes: to `String` a Kelvin sign and a K are equal, and they are two users.
    public func covers(_ userID: String) -> Bool { bound.map { $0.userID.utf8.elementsEqual(userID.utf8) } ?? true }

    /// Throws 403 for a request that names another user than its caller, and has it noted in the audit log. Never blocks.
    public func demand(_ userID: String) throws(HTTPProblem) {
        guard let bound, !covers(userID) else { return }
        let context = bound.context
        context.refusals?.note(RefusedRight(context.principal, bound.right, at: context.place, isForeign: true))
        throw AccessRefusal.foreign(bound.right, user: userID)
    }
}

extension RequestContext {
    /// Throws 403 where the caller lacks a right that nobody has for what is their own only.
    package func demand(_ right: Right) throws(HTTPProblem) {
        if principal.grant(of: right) != .all { throw refusal(of: right) }
    }

    /// The same for what one member of the request's body asks for.
    ///
    /// - Parameter pointer: of the member (RFC 6901).
    package func demand(_ right: Right, for pointer: String) throws(HTTPProblem) {
        do {
            try demand(right)
        } catch {
            var problem = error
            var json = JSONWriter()
            json.array { json in
                json.object {
                    $0.field("pointer", pointer)
                    $0.field("detail", problem.detail)
                }
            }
            problem.members = Array("\"errors\":".utf8) + json.bytes
            throw problem
        }
    }

    /// What the caller gets at under `right`, in a group of routes that needs it.
    public func reach(_ right: Right) throws(HTTPProblem) -> Reach {
        switch principal.grant(of: right) {
        case .all: Reach.everything(of: tenant)
        case .own(let userID): Reach.own(of: userID, under: right, self)
        // The gate has let nobody in without the right that the group names: a handler that asks for another one, or a
        // group that lets in by any of several.
        case .none: throw refusal(of: right)
        }
    }

    /// The 403 of a caller that lacks a right, of which the audit log hears.
    func refusal(of right: Right) -> HTTPProblem {
        refusals?.note(RefusedRight(principal, right, at: place, isForeign: false))
        return AccessRefusal.missing(right)
    }
}
