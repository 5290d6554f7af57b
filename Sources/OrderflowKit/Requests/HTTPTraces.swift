import HTTPServer
import Telemetry
import Tracing

/// Makes a span of each request (OpenTelemetry semantic conventions for HTTP servers), under the caller's
/// `traceparent` if it sent one, and hands on to another observer what it hears.
public struct HTTPTraces: HTTPObserver {
    private let traces: Traces
    private let next: any HTTPObserver

    /// Asked all the time by machines, and part of no order's way.
    private static let untraced: Set<String> = ["/livez", "/readyz", "/metrics"]

    public init(_ traces: Traces, then next: any HTTPObserver) {
        self.traces = traces
        self.next = next
    }

    public func requestBegins(_ request: borrowing HTTPRequest) -> (any Sendable)? {
        let route = request.routeTemplate
        guard !Self.untraced.contains(route) else { return nil }
        let method = request.method.rawValue
        let span = traces.start("\(method) \(route)", .server, under: RequestContext.traceparent(of: request))
        span.note([
            "http.request.method": .string(method), "http.route": .string(route), "url.path": .string(request.path),
            "url.scheme": "http", "network.protocol.version": "1.1",
            "client.address": .string(request.remoteAddress.address),
        ])
        return span
    }

    public func requestFinished(_ request: FinishedHTTPRequest) {
        if let span = request.observation as? ActiveSpan {
            span.note(["http.response.status_code": .int64(Int64(request.status))])
            // A client's mistake is no failure of ours.
            if request.status >= 500 { span.fail(String(request.status)) }
            span.end()
        }
        next.requestFinished(request)
    }

    public func requestAbandoned(_ observation: any Sendable) {
        if let span = observation as? ActiveSpan {
            span.fail("client_gone")
            span.end()
        }
        next.requestAbandoned(observation)
    }

    public func connectionOpened() { next.connectionOpened() }
    public func connectionClosed() { next.connectionClosed() }
    public func connectionRefused(_ reason: ConnectionRefusal) { next.connectionRefused(reason) }
}
