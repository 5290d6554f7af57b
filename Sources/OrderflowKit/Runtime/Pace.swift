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
        case (.latency, .immediate), (.latency, .urgent): .milliseconds(5)
        case (.latency, .patient), (.balanced, .immediate): .milliseconds(25)
        case (.balanced, .urgent): .milliseconds(40)
        case (.throughput, .immediate): .milliseconds(100)
        case (.balanced, .patient), (.throughput, .urgent): .milliseconds(200)
        case (.throughput, .patient): .milliseconds(400)
        }
    }

    /// From one publication of a service's relay to the next. New orders are waited for by all, and what patient groups
    /// put out by nobody.
    func tick(ofRelayIn module: ServiceModule) -> Duration {
        if !module.eventStore.isEmpty { return tick(of: .immediate) * 4 / 5 }
        let isPatient = !module.groups.isEmpty && module.groups.allSatisfy { $0.urgency == .patient }
        return isPatient ? tick(of: .patient) : tick(of: .urgent) * 3 / 4
    }
}
