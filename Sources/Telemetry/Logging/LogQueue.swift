import DequeModule
import Execution

/// Log lines on their way to somewhere slower than a file descriptor. Bounded in lines and bytes: a line that doesn't
/// fit is counted and lost here (stderr has it), since nobody who logs may wait.
public final class LogQueue: Sendable {
    /// A line as `JSONLogHandler` writes it, without its end.
    public struct Line: Sendable {
        public let json: [UInt8]
        /// Microseconds since the Unix epoch.
        public let time: Int64
    }

    private struct State {
        var waiting: Deque<Line> = []
        var bytes = 0
        var dropped = 0
        var isClosed = false
    }

    private let lineLimit: Int
    private let byteLimit: Int
    private let state = Monitor(State())

    public init(lineLimit: Int = 10_000, byteLimit: Int = 8 << 20) {
        self.lineLimit = lineLimit
        self.byteLimit = byteLimit
    }

    public var depth: Int { state.withLock { $0.waiting.count } }
    /// Lines that didn't fit, since the start.
    public var dropped: Int { state.withLock { $0.dropped } }

    func offer(_ json: [UInt8], at time: Int64) {
        // Wakes nobody: a line may wait a moment for others, the call that logs must not.
        state.withLock { state in
            guard state.waiting.count < lineLimit, state.bytes + json.count <= byteLimit, !state.isClosed else {
                state.dropped += 1
                return
            }
            state.waiting.append(Line(json: json, time: time))
            state.bytes += json.count
        }
    }

    /// Up to `max` lines that wait, after `pause`; at once when there are so many, and when closed. Blocks the calling
    /// thread.
    public func take(max: Int, after pause: Duration) -> [Line] {
        _ = state.wait(for: pause) { $0.isClosed || $0.waiting.count >= max ? true : nil }
        return state.withLock { state in
            let taken = Array(state.waiting.prefix(max))
            state.waiting.removeFirst(taken.count)
            state.bytes -= taken.reduce(0) { $0 + $1.json.count }
            return taken
        }
    }

    /// Takes no more lines. Who takes is woken.
    public func close() { state.update { $0.isClosed = true } }
}
