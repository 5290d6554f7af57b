import Execution
import HTTPServer
import OrderflowKit

/// How many batches are taken at once: each holds some memory while it is.
final class BatchSeats: Sendable {
    private let seats: Monitor<(each: Places, all: Places)>

    /// - Parameter limit: of which a quarter may hold all of their orders (`BatchPolicy.all`).
    init(_ limit: Int) {
        seats = Monitor((Places(limit, share: nil), Places(max(1, limit / 4), share: nil)))
    }

    /// A place, for as long as there is a reference to it.
    final class Seat: Sendable {
        private let give: @Sendable () -> Void
        fileprivate init(_ give: @escaping @Sendable () -> Void) { self.give = give }
        deinit { give() }
    }

    func take(_ policy: BatchPolicy, for origin: SocketAddress.Origin) throws(HTTPProblem) -> Seat {
        let refusal = seats.withLock { seats -> HTTPProblem? in
            if policy == .all, let refusal = seats.all.take(origin) { return refusal }
            guard let refusal = seats.each.take(origin) else { return nil }
            if policy == .all { seats.all.give(origin) }
            return refusal
        }
        if let refusal { throw refusal }
        return Seat { [seats] in
            seats.withLock { seats in
                seats.each.give(origin)
                if policy == .all { seats.all.give(origin) }
            }
        }
    }
}

/// What becomes of the good lines of a batch that has bad ones.
enum BatchPolicy: String, Sendable, CaseIterable {
    /// Each line for itself.
    case each
    /// All lines are stored, in one transaction, or none.
    case all

    init(_ request: borrowing HTTPRequest) throws(HTTPProblem) {
        guard let text = try request.query("policy") else {
            self = .each
            return
        }
        guard let known = BatchPolicy(rawValue: text) else {
            throw HTTPProblem(.badRequest, detail: "policy must be each or all")
        }
        self = known
    }
}
