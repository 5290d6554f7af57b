import Instrumentation
import Tracing

/// Where this program's spans begin: the tracer that the process was given (swift-distributed-tracing), asked with the
/// `traceparent` that a request or a message came with.
///
/// A process without a tracer has none of these, and its hot paths ask no more than that.
public struct Traces: Sendable {
    private let tracer: any Tracer

    /// Nil without a tracer. Asked once, where something is put together: later bootstraps go unnoticed.
    public static var current: Traces? {
        let tracer = InstrumentationSystem.tracer
        return tracer is NoOpTracer ? nil : Traces(tracer)
    }

    public init(_ tracer: any Tracer) { self.tracer = tracer }

    /// Begins a span under `traceparent`; without one, a trace of its own. A trace that isn't recorded has no spans,
    /// but goes on: `ActiveSpan.traceparent` says so to the next service.
    ///
    /// - Parameters:
    ///   - start: nanoseconds since the Unix epoch; nil is now.
    ///   - attributes: made only for a span that is recorded.
    public func start(
        _ name: @autoclosure () -> String, _ kind: SpanKind = .internal, under traceparent: String?,
        at start: UInt64? = nil, attributes: @autoclosure () -> SpanAttributes = [:]
    ) -> ActiveSpan {
        if let traceparent, TraceContext.isUnsampled(traceparent) { return ActiveSpan(unrecorded: traceparent) }
        var context = InstrumentationContext.topLevel
        tracer.extract(traceparent, into: &context, using: TraceHeader())
        let time = DefaultTracerClock.Timestamp(
            nanosecondsSinceEpoch: start ?? DefaultTracerClock.now.nanosecondsSinceEpoch)
        return began(name(), kind, context, time, attributes(), by: tracer)
    }

    /// As `start`, where a trace without `traceparent` isn't begun: nil where nothing is recorded.
    public func `continue`(
        _ name: @autoclosure () -> String, _ kind: SpanKind = .internal, under traceparent: String?,
        at start: UInt64? = nil, attributes: @autoclosure () -> SpanAttributes = [:]
    ) -> ActiveSpan? {
        guard let traceparent, !TraceContext.isUnsampled(traceparent) else { return nil }
        let span = self.start(name(), kind, under: traceparent, at: start, attributes: attributes())
        return span.isRecorded ? span : nil
    }

    private func began(
        _ name: String, _ kind: SpanKind, _ context: InstrumentationContext, _ time: DefaultTracerClock.Timestamp,
        _ attributes: SpanAttributes, by tracer: some Tracer
    ) -> ActiveSpan {
        let span = tracer.startSpan(name, context: context, ofKind: kind, at: time)
        if span.isRecording, !attributes.isEmpty { span.attributes = attributes }
        var traceparent: String?
        tracer.inject(span.context, into: &traceparent, using: TraceHeader())
        return span.isRecording
            ? ActiveSpan(span, traceparent: traceparent) : ActiveSpan(unrecorded: traceparent)
    }
}

extension TraceContext {
    /// Whether this says, in a form that can be read, that nobody records the trace. Made for the hot paths.
    static func isUnsampled(_ traceparent: String) -> Bool {
        var text = traceparent
        return text.withUTF8 { bytes in
            // An even digit at the end of the flags. What is malformed otherwise is left to who reads all of it.
            bytes.count == 55 && bytes[52] == UInt8(ascii: "-") && bytes[54] & 1 == (bytes[54] >= 0x61 ? 1 : 0)
        }
    }
}
