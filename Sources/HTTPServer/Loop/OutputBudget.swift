import Synchronization

/// Memory that holds answers and events which clients haven't taken, over all connections of a server.
///
/// A connection's own bound doesn't protect the process: there may be ten thousand of them. The count is moved only
/// where something stays unsent, so that an answer which the socket takes at once costs nothing here.
final class OutputBudget: Sendable {
    private let limit: Int
    private let count = Atomic(0)

    /// Answers up to here are always given: they say what became of a request, and sockets nearly always take them.
    static let smallAnswer = 16 << 10

    init(_ limits: HTTPServerConfiguration.Limits) { limit = limits.totalUnsentBytes }

    var held: Int { count.load(ordering: .relaxed) }

    /// Whether `more` bytes would be too many.
    func isExceeded(by more: Int = 0) -> Bool { held > limit - more }

    /// Whether so much is used that connections which hold some of it have to be quicker.
    var isTight: Bool { held > limit / 2 }

    /// Counts `more` bytes in, unless that would be too many.
    func reserve(_ more: Int) -> Bool {
        if count.wrappingAdd(more, ordering: .relaxed).newValue <= limit { return true }
        change(by: -more)
        return false
    }

    func change(by difference: Int) { count.wrappingAdd(difference, ordering: .relaxed) }

    static let exceeded = HTTPProblem(
        .serviceUnavailable, title: "Overloaded", detail: "too many answers wait for clients that don't take them",
        headers: [HTTPHeader("Retry-After", "1")])
}
