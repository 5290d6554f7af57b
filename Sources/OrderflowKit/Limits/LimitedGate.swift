import HTTPServer
import Messaging

/// A gate with limits behind it: each request that is let in is counted. What needs no right, such as `/livez`, isn't, nor
/// is what operators ask for: a flood must not blind those who look at it, nor a scraper use up what an address has.
package struct LimitedGate: AccessGate {
    private let gate: any AccessGate
    private let limits: RequestLimits

    package init(_ gate: any AccessGate, _ limits: RequestLimits) {
        self.gate = gate
        self.limits = limits
    }

    package var refusals: RefusedRights? { gate.refusals }

    package func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal {
        let principal = try gate.admit(request, to: need)
        guard need.right != .open, need.right != .operate else { return principal }
        // A name that can't be read is refused by who looks at the tenant, and counts for the caller's own.
        let tenant = (try? RequestContext.tenant(request, principal)) ?? principal.ownTenant
        let fields = try limits.admit(
            principal, from: request.remoteAddress.origin, for: tenant, now: RequestLimits.clock())
        for field in fields { request.addToAnswer(field) }
        return principal
    }
}
