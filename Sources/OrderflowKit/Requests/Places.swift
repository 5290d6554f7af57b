import HTTPServer

/// A bounded number of places for those who wait or listen, of which one address gets its share only.
package struct Places: Sendable {
    private let limit: Int
    /// Nil where all may come from one address, as behind a proxy.
    private let share: Int?
    package private(set) var taken = 0
    package private(set) var refused = 0
    private var held: [SocketAddress.Origin: Int] = [:]

    package init(_ limit: Int, share: Int?) {
        self.limit = limit
        self.share = share
    }

    /// Takes one, or says why there is none.
    package mutating func take(_ origin: SocketAddress.Origin) -> HTTPProblem? {
        let own = held[origin, default: 0]
        if let share, own >= share {
            refused += 1
            return HTTPProblem(
                .tooManyRequests, detail: "too many requests from this address wait or listen already",
                headers: [Unavailable.retryAfter])
        }
        guard taken < limit else {
            refused += 1
            return Unavailable.overloaded
        }
        taken += 1
        held[origin] = own + 1
        return nil
    }

    package mutating func give(_ origin: SocketAddress.Origin) {
        taken -= 1
        let own = held[origin, default: 0]
        held[origin] = own > 1 ? own - 1 : nil
    }
}
