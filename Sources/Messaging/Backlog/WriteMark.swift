import Execution

/// Whether anything was written to a server since one last looked, by the place where its log ends.
///
/// Whatever changes a row moves that place, in any database of the server. At rest it stays where it is, and nobody has
/// to look at tables to know that they are as they were.
public final class WriteMark: Sendable {
    private struct State {
        var place: String?
        var moves = 0
        var isStopped = false
    }

    private let state = Monitor(State())

    public init() {}

    /// Where the log ends now; nil where that isn't known.
    func note(_ place: String?) {
        let isKnown = state.withLock { $0.place == place && place != nil }
        guard !isKnown else { return }
        state.update { state in
            state.place = place
            state.moves += 1
        }
    }

    /// To be asked for before one looks, and shown to `wait` afterwards.
    var moves: Int { state.withLock { $0.moves } }

    /// Returns when something was written since `moves`, when it isn't known whether, or after `timeout`.
    func wait(beyond moves: Int, for timeout: Duration) {
        _ = state.wait(for: timeout) { $0.isStopped || $0.moves != moves ? true : nil }
    }

    /// Ends all waiting.
    func stop() { state.update { $0.isStopped = true } }
}
