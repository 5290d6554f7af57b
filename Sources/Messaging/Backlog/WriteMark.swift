import Execution

/// Whether anything was written to a server since one last looked, by the place where its log ends.
///
/// Whatever changes a row moves that place, in any database of the server. At rest it stays where it is, and nobody has
/// to look at tables to know that they are as they were.
public final class WriteMark: Sendable {
    private struct State {
        var place: String?
        /// The place was the same twice. A commit is in the log before anybody sees its rows: who has looked when the place
        /// had just moved may not have seen them yet.
        var isSettled = false
        var moves = 0
        /// Moves, and places that have settled.
        var news = 0
        var isStopped = false
        var observers: [@Sendable () -> Void] = []
    }

    private let state = Monitor(State())

    public init() {}

    /// Where the log ends now; nil where that isn't known.
    func note(_ place: String?) {
        let isAtRest = state.withLock { $0.place == place && $0.isSettled }
        guard !isAtRest else { return }
        let observers = state.update { state in
            state.isSettled = state.place == place && place != nil
            state.place = place
            state.news += 1
            if !state.isSettled { state.moves += 1 }
            return state.observers
        }
        for observer in observers { observer() }
    }

    /// Calls `observer` when there is news, on the thread that notes it.
    func onNews(_ observer: @escaping @Sendable () -> Void) { state.withLock { $0.observers.append(observer) } }

    /// To be asked for before one looks, and shown to `isAtRest` afterwards.
    var news: Int { state.withLock { $0.news } }

    /// Whether it is known that nothing was written since `news`, and that whoever looked then has seen all that was before.
    func isAtRest(since news: Int) -> Bool { state.withLock { $0.isSettled && $0.news == news } }

    /// To be asked for before one looks, and shown to `wait` afterwards.
    var moves: Int { state.withLock { $0.moves } }

    /// Returns when something was written since `moves`, when it isn't known whether, or after `timeout`.
    func wait(beyond moves: Int, for timeout: Duration) {
        _ = state.wait(for: timeout) { $0.isStopped || $0.moves != moves ? true : nil }
    }

    /// Ends all waiting.
    func stop() { state.update { $0.isStopped = true } }
}
