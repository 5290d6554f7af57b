import Metrics

/// Counts deliveries by what became of them.
struct DeliveryMetrics {
    private let accepted = Counter(label: "orderflow_webhook_deliveries_total", dimensions: [("outcome", "accepted")])
    private let failed = Counter(label: "orderflow_webhook_deliveries_total", dimensions: [("outcome", "failed")])

    func count(_ settlement: DeliverySettlement) {
        if !settlement.accepted.isEmpty { accepted.increment(by: settlement.accepted.count) }
        if !settlement.failed.isEmpty { failed.increment(by: settlement.failed.count) }
    }
}
