import Execution

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
        case (.balanced, .urgent): .milliseconds(50)
        case (.throughput, .immediate), (.latency, .leisurely): .milliseconds(100)
        case (.balanced, .patient), (.throughput, .urgent): .milliseconds(200)
        case (.throughput, .patient): .milliseconds(400)
        case (.balanced, .leisurely): .seconds(1)
        case (.throughput, .leisurely): .seconds(2)
        }
    }

    /// The same for those on an order's way who are given their work by others that tick: a quarter sooner than those, so that
    /// they are ready whenever it comes, and fall into step with them.
    package var following: Ticking { Ticking(every: tick(of: .urgent) * 3 / 4) }

    /// - Parameter module: the group's.
    func ticking(of group: ConsumerGroup, in module: ServiceModule, _ mode: FulfilmentMode) -> Ticking {
        if group.urgency == .urgent, group.topics(in: mode).contains(where: module.takesCommands(on:)) {
            return following
        }
        let interval = tick(of: group.urgency)
        return switch group.urgency {
        case .immediate, .urgent: Ticking(every: interval, phase: phase(behind: Self.hop))
        case .patient, .leisurely: Ticking(every: interval)
        }
    }

    /// From one publication of a service's relay to the next. New orders are waited for by all, and what patient groups
    /// put out by nobody.
    func ticking(ofRelayIn module: ServiceModule) -> Ticking {
        if !module.eventStore.isEmpty {
            return Ticking(every: tick(of: .immediate), phase: phase(behind: .zero))
        }
        let isPatient = !module.groups.isEmpty && module.groups.allSatisfy { $0.urgency == .patient }
        return isPatient ? Ticking(every: tick(of: .patient)) : following
    }

    /// From the beginning of a publication until its records are with those who read them, and some to spare.
    private static let hop: Duration = .milliseconds(8)

    /// Where ticks are as short as a hop there is nothing to fall into step with.
    private func phase(behind first: Duration) -> Duration? { tick(of: .immediate) > Self.hop ? first : nil }
}
