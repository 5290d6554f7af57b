import Metrics
import Telemetry

/// What became of requests.
struct RequestMetrics: Sendable {
    private let service: String
    private let time: Metrics.Timer

    init(service: String) {
        self.service = service
        time = Metrics.Timer(label: "orderflow_request_seconds", dimensions: [("service", service)])
    }

    func ended(_ type: String, _ answer: PendingReply.Answer, in duration: Duration) {
        let outcome =
            switch answer {
            case .success: "answered"
            case .failure(let error): error.outcome
            }
        Counter(
            label: "orderflow_requests_total",
            dimensions: [("service", service), ("type", type), ("outcome", outcome)]
        ).increment()
        if case .success = answer { time.record(duration: duration) }
    }
}

/// What a responder made of the requests of its topic.
struct ResponderMetrics: Sendable {
    private let group: String

    init(group: String) { self.group = group }

    enum Outcome: String {
        case answered, refused, expired, unreadable, forged, failed, undelivered
    }

    func count(_ outcome: Outcome, _ count: Int = 1) {
        guard count > 0 else { return }
        Counter(
            label: "orderflow_responder_requests_total", dimensions: [("group", group), ("outcome", outcome.rawValue)]
        ).increment(by: count)
    }
}
