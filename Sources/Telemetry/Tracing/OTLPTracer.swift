import Tracing

/// A tracer for swift-distributed-tracing: W3C Trace Context in and out, parent-based sampling, finished spans to a
/// queue that `SpanExporter` empties.
public final class OTLPTracer: Tracer {
    public typealias Span = OTLPSpan

    private let sampler: TraceSampler
    private let queue: SpanQueue

    /// - Parameter sampleRatio: how many of the traces that begin here are recorded, from 0 to 1.
    public init(sampleRatio: Double, queue: SpanQueue) {
        sampler = TraceSampler(ratio: sampleRatio)
        self.queue = queue
    }

    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> OTLPSpan {
        var context = context()
        let parent = context.traceContext
        if let parent, !parent.isSampled { return OTLPSpan(passing: context) }
        let own = parent?.child() ?? TraceContext { sampler.records($0) }
        context.traceContext = own
        guard own.isSampled else { return OTLPSpan(passing: context) }
        let span = FinishedSpan(
            context: own, parentID: parent?.parentID, kind: kind, start: instant().nanosecondsSinceEpoch,
            name: operationName)
        return OTLPSpan(span, in: context, queue: queue)
    }

    /// Header names as W3C has them; `tracestate`, which we have nothing to say in, is dropped (§3.5 allows it).
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        if let text = extractor.extract(key: TraceHeader.name, from: carrier), let parent = TraceContext(text) {
            context.traceContext = parent
        }
    }

    public func inject<Carrier, Inject: Injector>(
        _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        if let own = context.traceContext {
            injector.inject(own.description, forKey: TraceHeader.name, into: &carrier)
        }
    }

    @available(*, deprecated, message: "of the protocol; SpanExporter.stop flushes")
    public func forceFlush() {}
}

extension InstrumentationContext {
    private enum Key: InstrumentationContextKey {
        typealias Value = TraceContext
    }

    /// The span that whatever happens here is caused by.
    var traceContext: TraceContext? {
        get { self[Key.self] }
        set { self[Key.self] = newValue }
    }
}
