import HTTPServer

/// Lets a request in, or not. Every route is behind one (`Router.init(_:gate:)`).
package protocol AccessGate: Sendable {
    /// The caller, who has what the route needs. Runs on an event loop and must not block.
    func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal

    /// Takes note of what callers are refused once they are in; nil where nobody does. A gate around another one has the
    /// other's.
    var refusals: RefusedRights? { get }
}

extension AccessGate {
    package var refusals: RefusedRights? { nil }
}

/// A caller as a gate has let it in.
struct AdmittedCaller: HTTPCaller {
    let principal: Principal
    let refusals: RefusedRights?
}

/// What a route asks of its callers.
public struct RouteNeed: Hashable, Sendable {
    public let right: Right
    /// Whether the lesser right will do: the handler sees to it that a caller gets at nothing but its own
    /// (`Principal.grant`).
    public let isOwnEnough: Bool
    /// Any of these lets a caller in as well: the handler sees to it that a caller gets at nothing but what its own
    /// rights are for (`RequestContext.demand`, `.reach`).
    public let others: [Right]

    package init(right: Right, isOwnEnough: Bool = false, others: [Right] = []) {
        self.right = right
        self.isOwnEnough = isOwnEnough
        self.others = others
    }

    public func isMet(by principal: Principal) -> Bool {
        switch principal.grant(of: right) {
        case .all: return true
        case .own where isOwnEnough: return true
        case .own, .none: return others.contains { principal.rights.contains($0) }
        }
    }

    /// The scopes of which one is enough.
    package var scopes: [Right] {
        right == .open ? [] : [right] + (isOwnEnough ? [right.own].compactMap(\.self) : []) + others
    }
}

/// Lets everybody in, as `auth.mode: open` says.
package struct OpenGate: AccessGate {
    package init() {}

    package func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal { .open }
}
