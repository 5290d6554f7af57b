import Execution
import OrderflowKit

/// Tries until a server answers, saying what it waits for.
enum ServerWait {
    struct TimedOut: Error, CustomStringConvertible {
        let server: String
        let waited: Duration
        let reason: String
        var description: String { "\(server) isn't there after \(DurationText.write(waited)): \(reason)" }
    }

    /// Stopped on request before the server answered.
    struct Stopped: Error, CustomStringConvertible {
        let server: String
        var description: String { "stopped while waiting for \(server)" }
    }

    /// Runs `body` until it doesn't fail, or fails in a way that waiting won't mend.
    ///
    /// - Parameter limit: nil waits for ever.
    /// - Parameter isWorthWaiting: whether the same call may succeed later.
    /// - Parameter say: told at once when there is waiting to do, then about every 10 s.
    static func until<R>(
        _ server: String, limit: Duration?, stop: StopSignal, say: (String) -> Void,
        isWorthWaiting: (any Error) -> Bool, _ body: () throws -> R
    ) throws -> R {
        let start = ContinuousClock.now
        var backoff = Backoff(base: .milliseconds(100), cap: .seconds(1))
        var nextWord = start
        while true {
            do {
                return try body()
            } catch  where isWorthWaiting(error) {
                let waited = start.duration(to: .now)
                if let limit, waited >= limit {
                    throw TimedOut(server: server, waited: limit, reason: "\(error)")
                }
                if .now >= nextWord {
                    say("waiting for \(server): \(error)")
                    nextWord = .now + .seconds(10)
                }
                if stop.wait(for: backoff.next()) { throw Stopped(server: server) }
            }
        }
    }
}
