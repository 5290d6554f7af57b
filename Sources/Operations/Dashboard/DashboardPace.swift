import Execution

/// How often to look: every two seconds while a page is open, and otherwise just often enough to have a past to show.
final class DashboardPace: Sendable {
    private struct State {
        var isWatched = false
        var isStopped = false
    }

    /// What has just been started changes quickly.
    private static let youth: Duration = .seconds(20)
    private let start = ContinuousClock.now

    static let watched: Duration = .seconds(2)
    static let idle: Duration = .seconds(20)

    private let state = Monitor(State())

    func watch(_ isWatched: Bool) { state.update { $0.isWatched = isWatched } }

    func stop() { state.update { $0.isStopped = true } }

    /// Until it is time to look again; at once when a page is opened. False when it is time to stop.
    func wait() -> Bool {
        let wasWatched = state.withLock(\.isWatched)
        let isYoung = ContinuousClock.now - start < Self.youth
        let goesOn = state.wait(for: wasWatched || isYoung ? Self.watched : Self.idle) { state -> Bool? in
            if state.isStopped { return false }
            return state.isWatched && !wasWatched ? true : nil
        }
        return goesOn ?? true
    }
}
