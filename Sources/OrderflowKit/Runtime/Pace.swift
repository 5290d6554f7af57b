/// How processes trade latency for CPU: how far apart transactions and publications begin while work keeps coming
/// (`Tick`).
package enum Pace: String, Sendable, CaseIterable {
    /// Every step soon, for shops with cores to spare.
    case latency
    /// A customer notices nothing, and the work a second stays the same from a few orders a second on.
    case balanced
    /// The least work an order.
    case throughput

    /// From one batch of a group to the next.
    package func tick(of urgency: ConsumerGroup.Urgency) -> Duration {
        switch (self, urgency) {
        case (.latency, .urgent): .milliseconds(5)
        case (.latency, .patient): .milliseconds(25)
        case (.balanced, .urgent): .milliseconds(25)
        case (.balanced, .patient): .milliseconds(100)
        case (.throughput, _): .milliseconds(200)
        }
    }

    /// From one publication of a service's relay to the next. What patient groups put out nobody waits for either.
    func tick(ofRelayIn module: ServiceModule) -> Duration {
        let isPatient =
            module.eventStore.isEmpty && !module.groups.isEmpty && module.groups.allSatisfy { $0.urgency == .patient }
        return switch self {
        case .latency: isPatient ? .milliseconds(25) : .milliseconds(5)
        case .balanced: isPatient ? .milliseconds(100) : .milliseconds(20)
        case .throughput: isPatient ? .milliseconds(200) : .milliseconds(100)
        }
    }
}
