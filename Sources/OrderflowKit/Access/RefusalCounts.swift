import Metrics

/// Counts refused requests by reason.
struct RefusalCounts: Sendable {
    private let byReason: [IdentityRefusal: Counter]
    private let missingRight: Counter

    init() {
        byReason = Dictionary(uniqueKeysWithValues: IdentityRefusal.all.map { ($0, Self.counter($0.reason)) })
        missingRight = Self.counter("right_missing")
    }

    func count(_ refusal: IdentityRefusal) { byReason[refusal]?.increment() }

    func countMissingRight() { missingRight.increment() }

    private static func counter(_ reason: String) -> Counter {
        Counter(label: "orderflow_auth_refused_requests_total", dimensions: [("reason", reason)])
    }
}
