import HTTPServer

/// A known caller asked for something that it may not do.
package struct RefusedRight: Sendable {
    package let principal: Principal
    /// What would have been needed.
    package let right: Right
    /// Whether the caller has the right for what is its own, and named another user.
    package let isForeign: Bool
    package let method: HTTPMethod
    /// The pattern of the route.
    package let route: String
    package let address: SocketAddress

    init(_ principal: Principal, _ right: Right, _ request: borrowing HTTPRequest) {
        self.init(principal, right, at: RequestPlace(request), isForeign: false)
    }

    init(_ principal: Principal, _ right: Right, at place: RequestPlace, isForeign: Bool) {
        self.principal = principal
        self.right = right
        self.isForeign = isForeign
        method = place.method
        route = place.route
        address = place.address
    }
}

/// Which route a request asked for, and from where.
struct RequestPlace: Sendable {
    let method: HTTPMethod
    /// The pattern of the route.
    let route: String
    let address: SocketAddress

    init(_ request: borrowing HTTPRequest) {
        method = request.method
        route = request.routeTemplate
        address = request.remoteAddress
    }
}

/// Takes note of rights that known callers are refused: by the gate, or by a handler that keeps a caller to its own.
package final class RefusedRights: Sendable {
    private let counts: RefusalCounts
    private let onRefusedRight: @Sendable (RefusedRight) -> Void

    /// - Parameter onRefusedRight: called on the thread that refuses, such as an event loop; must not block.
    init(_ counts: RefusalCounts = RefusalCounts(), onRefusedRight: @escaping @Sendable (RefusedRight) -> Void) {
        self.counts = counts
        self.onRefusedRight = onRefusedRight
    }

    func note(_ refused: RefusedRight) {
        counts.countMissingRight()
        onRefusedRight(refused)
    }
}
