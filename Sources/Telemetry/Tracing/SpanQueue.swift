import DequeModule
import Execution

/// Finished spans that wait for their export. Bounded: what doesn't fit is counted and lost, since no order waits for
/// its trace.
public final class SpanQueue: Sendable {
    private struct State {
        var waiting: Deque<FinishedSpan> = []
        var dropped = 0
        var isClosed = false
    }

    /// Spans in one export.
    static let batch = 512

    private let limit: Int
    private let state = Monitor(State())

    /// - Parameter limit: spans that may wait.
    public init(limit: Int) {
        precondition(limit > 0, "a queue for \(limit) spans")
        self.limit = limit
    }

    public var depth: Int { state.withLock { $0.waiting.count } }

    /// Lost because the queue was full, since the start.
    public var dropped: Int { state.withLock { $0.dropped } }

    func offer(_ span: FinishedSpan) {
        let isBatch = state.withLock { state in
            guard state.waiting.count < limit, !state.isClosed else {
                state.dropped += 1
                return false
            }
            state.waiting.append(span)
            return state.waiting.count == min(Self.batch, limit)
        }
        // Nobody is woken for a single span: the exporter looks by itself every now and then.
        if isBatch { state.update { _ in } }
    }

    /// What waits, once it is a batch or `patience` has passed; at once when closed. Empty when there is nothing.
    func take(within patience: Duration) -> [FinishedSpan] {
        state.wait(for: patience) { state in
            state.isClosed || state.waiting.count >= min(Self.batch, limit) ? Self.take(&state) : nil
        } ?? state.withLock { Self.take(&$0) }
    }

    private static func take(_ state: inout State) -> [FinishedSpan] {
        let taken = Array(state.waiting.prefix(batch))
        state.waiting.removeFirst(taken.count)
        return taken
    }

    /// Takes no more. Who takes is woken.
    func close() { state.update { $0.isClosed = true } }
}
