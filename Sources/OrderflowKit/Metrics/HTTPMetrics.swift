import Execution
import HTTPServer
import Metrics

/// Counts what the HTTP server does, by route template: never by path, which would make endless label values.
public final class HTTPMetrics: HTTPObserver {
    private struct Key: Hashable {
        let route: String?
        let method: HTTPMethod?
        let status: Int
    }

    /// The instruments of one key, made once.
    private struct Instruments {
        let requests: Counter
        let duration: Metrics.Timer
    }

    private let instruments = Monitor<[Key: Instruments]>([:])
    private let requestBytes = Counter(label: "orderflow_http_request_bytes_total")
    private let responseBytes = Counter(label: "orderflow_http_response_bytes_total")
    private let opened = Counter(label: "orderflow_http_connections_total")
    private let open = Meter(label: "orderflow_http_open_connections")
    private let refused: [ConnectionRefusal: Counter]

    public init() {
        let refusals = ConnectionRefusal.allCases.map { reason in
            (
                reason,
                Counter(
                    label: "orderflow_http_refused_connections_total", dimensions: [("reason", reason.rawValue)])
            )
        }
        refused = Dictionary(uniqueKeysWithValues: refusals)
    }

    public func requestFinished(_ request: FinishedHTTPRequest) {
        let key = Key(route: request.route, method: request.method, status: request.status)
        let mine = instruments.withLock { instruments in
            if let known = instruments[key] { return known }
            let new = Self.instruments(for: key)
            instruments[key] = new
            return new
        }
        mine.requests.increment()
        mine.duration.recordNanoseconds(request.nanoseconds)
        requestBytes.increment(by: request.requestBytes)
        responseBytes.increment(by: request.responseBytes)
    }

    public func connectionOpened() {
        opened.increment()
        open.increment()
    }

    public func connectionClosed() { open.decrement() }

    public func connectionRefused(_ reason: ConnectionRefusal) { refused[reason]?.increment() }

    private static func instruments(for key: Key) -> Instruments {
        let dimensions = [("route", key.route ?? "none"), ("method", key.method?.rawValue ?? "none")]
        return Instruments(
            requests: Counter(
                label: "orderflow_http_requests_total", dimensions: dimensions + [("status", String(key.status))]),
            duration: Metrics.Timer(label: "orderflow_http_request_duration_seconds", dimensions: dimensions))
    }
}
