import Execution
import Logging
import Postgres

/// Writes windows on a thread of its own, one while the next is read and decoded.
final class ShadowWriter: Sendable {
    private struct State {
        var waiting: ShadowWindow?
        var isWriting = false
        var isClosed = false
        var failure: (any Error)?
    }

    private let state = Monitor(State())
    private let thread: DedicatedThread

    init(_ schema: ShadowSchema, database: PostgresConfiguration, logger: Logger) {
        thread = DedicatedThread.start("rebuild-writer") { [state] in
            do {
                let connection = try Connection(database, logger: logger)
                defer { connection.close() }
                try schema.enter(connection)
                while let window = Self.next(state) {
                    let start = ContinuousClock.now
                    try window.write(group: schema.model.group, on: connection)
                    logger.debug(
                        "window_written",
                        metadata: ["records": "\(window.records)", "time": "\(start.duration(to: .now))"])
                    state.update { $0.isWriting = false }
                }
            } catch {
                state.update { $0.failure = error }
            }
        }
    }

    /// Nil when it is over.
    private static func next(_ state: Monitor<State>) -> ShadowWindow? {
        let window = state.wait(for: nil) { state -> ShadowWindow?? in
            if let window = state.waiting {
                state.waiting = nil
                state.isWriting = true
                return .some(window)
            }
            return state.isClosed ? .some(nil) : nil
        }
        // There is room for another one.
        state.update { _ in }
        return window ?? nil
    }

    /// Waits for room. One caller at a time. Throws what an earlier window failed with.
    func submit(_ window: ShadowWindow) throws {
        try waitUntil { $0.waiting == nil }
        state.update { $0.waiting = window }
    }

    /// Waits until all is committed.
    func drain() throws { try waitUntil { $0.waiting == nil && !$0.isWriting } }

    private func waitUntil(_ condition: @escaping (State) -> Bool) throws {
        let failure = state.wait(for: nil) { state -> (any Error)?? in
            if let failure = state.failure { return .some(failure) }
            return condition(state) ? .some(nil) : nil
        }
        if let failure = failure ?? nil { throw failure }
    }

    /// What is in hand is finished first.
    func close() {
        state.update { $0.isClosed = true }
        thread.join()
    }
}
