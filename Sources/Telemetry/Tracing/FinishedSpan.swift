import Tracing

/// What there is to say of a span when it is over.
struct FinishedSpan: Sendable {
    /// Its own id is the context's `parentID`: that of whatever it causes.
    let context: TraceContext
    /// Nil for the first one of a trace.
    let parentID: UInt64?
    let kind: SpanKind
    /// Nanoseconds since the Unix epoch.
    let start: UInt64
    var end: UInt64 = 0
    var name: String
    var attributes: SpanAttributes = [:]
    var events: [SpanEvent] = []
    var links: [(context: TraceContext, attributes: SpanAttributes)] = []
    var status: SpanStatus?
    /// Beyond the limits.
    var droppedEvents = 0
    var droppedLinks = 0

    /// Of one span, as OpenTelemetry's SDKs have it ("Span Limits").
    static let eventLimit = 128
    static let linkLimit = 128
}
