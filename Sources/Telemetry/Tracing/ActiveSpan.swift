import Tracing

/// Something that is being done within a trace.
public struct ActiveSpan: Sendable {
    /// For whatever this causes.
    public let traceparent: String?
    /// Nil where the trace isn't recorded.
    private let span: (any Tracing.Span)?

    init(_ span: any Tracing.Span, traceparent: String?) {
        self.span = span
        self.traceparent = traceparent
    }

    init(unrecorded traceparent: String?) {
        span = nil
        self.traceparent = traceparent
    }

    public var isRecorded: Bool { span != nil }

    /// Adds to the attributes.
    public func note(_ attributes: @autoclosure () -> SpanAttributes) {
        span?.updateAttributes { $0.merge(attributes()) }
    }

    public func note(_ error: any Error) { span?.recordError(error) }

    /// What came of it is an error.
    ///
    /// - Parameter type: one of a small set, so that failures can be counted by it (`error.type`).
    public func fail(_ type: @autoclosure () -> String, _ reason: @autoclosure () -> String? = nil) {
        guard let span else { return }
        span.updateAttributes { $0["error.type"] = type() }
        span.setStatus(SpanStatus(code: .error, message: reason()))
    }

    /// Says that the two belong together although neither is the other's parent.
    public func link(to other: ActiveSpan) {
        guard let span, let other = other.span else { return }
        span.addLink(SpanLink(context: other.context, attributes: [:]))
    }

    /// - Parameter time: nanoseconds since the Unix epoch; nil is now.
    public func end(at time: UInt64? = nil) {
        guard let span else { return }
        if let time {
            span.end(at: DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: time))
        } else {
            span.end()
        }
    }
}
