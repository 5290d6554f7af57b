import Metrics

/// Counts the lines of batches by what they were answered.
struct BatchMetrics: Sendable {
    private let accepted = Counter(label: "orderflow_batch_lines_total", dimensions: [("outcome", "accepted")])
    private let refused = Counter(label: "orderflow_batch_lines_total", dimensions: [("outcome", "refused")])
    private let unavailable = Counter(label: "orderflow_batch_lines_total", dimensions: [("outcome", "unavailable")])

    func count(accepted: Int = 0, refused: Int = 0, unavailable: Int = 0) {
        self.accepted.increment(by: accepted)
        self.refused.increment(by: refused)
        self.unavailable.increment(by: unavailable)
    }
}
