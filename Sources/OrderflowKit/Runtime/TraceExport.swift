import Logging
import Outbound
import Telemetry
import Tracing

/// A daemon's tracer and the way of its spans to the collector.
package struct TraceExport: Sendable {
    private let exporter: SpanExporter

    /// Once, before anything is put together that makes spans. Nil where no collector is named: then nothing is made
    /// and nothing runs.
    package static func start(_ settings: Settings.Telemetry, role: String, instance: String?) -> TraceExport? {
        guard let endpoint = settings.otlpEndpoint else { return nil }
        let queue = SpanQueue(limit: settings.queueLimit)
        var configuration = SpanExporter.Configuration()
        configuration.resource = [
            ("service.namespace", "orderflow"), ("service.name", "orderflow-\(role)"),
            ("service.version", OrderflowVersion.current),
        ]
        if let instance { configuration.resource.append(("service.instance.id", instance)) }
        let exporter = SpanExporter(
            queue, configuration, logger: Logger(label: "traces"), transport: transport(endpoint, settings))
        Observability.metrics.collectors.add { scrape in
            scrape.gauge("orderflow_trace_queue_depth", value: queue.depth)
            scrape.counter("orderflow_trace_dropped_spans_total", value: queue.dropped)
        }
        InstrumentationSystem.bootstrap(OTLPTracer(sampleRatio: settings.sampleRatio, queue: queue))
        exporter.start()
        return TraceExport(exporter: exporter)
    }

    /// Sends what waits. Blocks for at most `limit`.
    package func stop(within limit: Duration) { exporter.stop(within: limit) }

    private static func transport(_ endpoint: String, _ settings: Settings.Telemetry) -> SpanExporter.Transport {
        var http = HTTPClient.Configuration()
        http.timeout = settings.otlpTimeout
        http.connectTimeout = min(http.connectTimeout, settings.otlpTimeout)
        http.responseLimit = 64 << 10
        let client = HTTPClient(http)
        let url = tracesURL(endpoint)
        let headers = [("Content-Type", "application/json")] + settings.otlpHeaders.map { ($0.name, $0.value) }
        return { body in
            do {
                let answer = try client.send(HTTPClient.Request(url: url, body: body, headers: headers))
                switch answer.status {
                case 200...299: return .accepted(answer.body)
                // OTLP specification, "Retryable Response Codes".
                case 429, 502, 503, 504: return .again(after: answer.retryAfter, reason: "HTTP \(answer.status)")
                default: return .refused("HTTP \(answer.status)")
                }
            } catch {
                return .again(after: nil, reason: "\(error)")
            }
        }
    }

    /// As `OTEL_EXPORTER_OTLP_ENDPOINT` is understood, and as one who pastes the whole of it means it.
    package static func tracesURL(_ endpoint: String) -> String {
        let base = endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
        return base.hasSuffix("/v1/traces") ? base : base + "/v1/traces"
    }
}
