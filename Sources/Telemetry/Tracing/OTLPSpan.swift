import Synchronization
import Tracing

/// A span under way. One that isn't recorded only carries its place in the trace on.
public final class OTLPSpan: Tracing.Span {
    public let context: InstrumentationContext
    public let isRecording: Bool
    /// Nil once ended, and where nothing is recorded.
    private let state: Mutex<FinishedSpan?>
    private let queue: SpanQueue?

    /// Not recorded.
    init(passing context: InstrumentationContext) {
        self.context = context
        isRecording = false
        state = Mutex(nil)
        queue = nil
    }

    init(_ span: FinishedSpan, in context: InstrumentationContext, queue: SpanQueue) {
        self.context = context
        isRecording = true
        state = Mutex(span)
        self.queue = queue
    }

    public var operationName: String {
        get { state.withLock { $0?.name ?? "" } }
        set { state.withLock { $0?.name = newValue } }
    }

    public var attributes: SpanAttributes {
        get { state.withLock { $0?.attributes ?? [:] } }
        set { state.withLock { $0?.attributes = newValue } }
    }

    public func setStatus(_ status: SpanStatus) { state.withLock { $0?.status = status } }

    public func addEvent(_ event: SpanEvent) {
        state.withLock { span in
            guard let count = span?.events.count else { return }
            if count < FinishedSpan.eventLimit { span?.events.append(event) } else { span?.droppedEvents += 1 }
        }
    }

    public func addLink(_ link: SpanLink) {
        guard let other = link.context.traceContext else { return }
        state.withLock { span in
            guard let count = span?.links.count else { return }
            if count < FinishedSpan.linkLimit {
                span?.links.append((other, link.attributes))
            } else {
                span?.droppedLinks += 1
            }
        }
    }

    /// As an event, by the semantic conventions for exceptions.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard isRecording else { return }
        var all: SpanAttributes = [
            "exception.type": .string(String(reflecting: type(of: error))), "exception.message": .string("\(error)"),
        ]
        all.merge(attributes)
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: all))
    }

    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard isRecording else { return }
        let ended = state.withLock { span -> FinishedSpan? in
            defer { span = nil }
            return span
        }
        guard var ended else { return }
        // Clocks are set back now and then; a span can't end before it began.
        ended.end = max(ended.start, instant().nanosecondsSinceEpoch)
        queue?.offer(ended)
    }
}
