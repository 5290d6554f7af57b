import Kafka
import Messaging

extension HealthStatus {
    /// What a consumer's state means for the daemon's readiness: it is when the group has given it its
    /// partitions, or when there are none for it because more members than partitions share them.
    ///
    /// - Parameter needed: false where the daemon can do its main work without.
    package init(of consumer: ConsumerRunner.Status, needed: Bool) {
        if let problem = Self.problem(of: consumer) {
            self = needed ? .notReady(problem) : .degraded(problem)
        } else if let amiss = consumer.clash ?? consumer.setback?.reason {
            self = .degraded(amiss)
        } else if consumer.assigned.isEmpty {
            let shared = consumer.group.map {
                "no partitions, \($0.group.members.count) members share \($0.partitions.count) partitions"
            }
            self = .standBy(shared ?? "no partitions")
        } else {
            self = .ready
        }
    }

    private static func problem(of consumer: ConsumerRunner.Status) -> String? {
        if let problem = consumer.problem { return problem }
        if let missing = consumer.group?.missingTopics, !missing.isEmpty {
            return "topics are missing: \(list(missing)); `orderflow topics create` makes them"
        }
        if !consumer.ownerless.isEmpty {
            return "partitions without an owner: \(list(consumer.ownerless.map(\.description)))"
        }
        guard consumer.isAssigned else { return "no partitions yet: joining the group" }
        // With fewer members than partitions there is a share for each, and it is on its way.
        if consumer.assigned.isEmpty, let sighting = consumer.group,
            sighting.group.members.count <= sighting.partitions.count
        {
            return "no partitions yet: waiting for a share"
        }
        return nil
    }

    private static let longestList = 10

    private static func list(_ names: [String]) -> String {
        let more = names.count - longestList
        return names.prefix(longestList).joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }
}
