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

    package init(right: Right, isOwnEnough: Bool = false) {
        self.right = right
        self.isOwnEnough = isOwnEnough
    }

    public func isMet(by principal: Principal) -> Bool {
        switch principal.grant(of: right) {
        case .all: true
        case .own: isOwnEnough
        case .none: false
        }
    }
}

/// Lets everybody in, as `auth.mode: open` says.
package struct OpenGate: AccessGate {
    package init() {}

    package func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal { .open }
}
