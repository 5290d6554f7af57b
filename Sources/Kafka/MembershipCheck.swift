import CLibrdkafka

/// Compares what a member holds with what its group's coordinator says it holds.
///
/// They agree between rebalances, or two members may work on one partition while nobody works on another, for ever. A
/// coordinator should never let that happen; one that answers a static member's return in the middle of a rebalance
/// with somebody else's assignment does (the dev broker). Whoever finds a lasting difference leaves and joins again.
/// Belongs to the poll thread.
final class MembershipCheck {
    private static let interval: Duration = .seconds(5)

    private let raw: OpaquePointer
    private let group: String
    private let instanceID: String
    private let queue: OpaquePointer
    private var nextRequest = ContinuousClock.now + interval
    private var asked: (assigned: Set<TopicPartition>, rebalances: Int)?
    private var differences = 0

    /// - Parameter raw: must outlive this object.
    init?(_ raw: OpaquePointer, group: String, instanceID: String?) {
        guard let instanceID, let queue = rd_kafka_queue_new(raw) else { return nil }
        self.raw = raw
        self.group = group
        self.instanceID = instanceID
        self.queue = queue
    }

    deinit { rd_kafka_queue_destroy(queue) }

    /// Whether the member should join anew. Never blocks; call it again and again.
    ///
    /// - Parameter rebalances: how many there have been; an answer from before the last one says nothing.
    func isDisowned(of assigned: Set<TopicPartition>, rebalances: Int) -> Bool {
        if let asked, let event = rd_kafka_queue_poll(queue, 0) {
            defer { rd_kafka_event_destroy(event) }
            self.asked = nil
            guard rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR,
                let description = try? Admin.groups(in: event).first, description.state == "Stable",
                asked.rebalances == rebalances
            else {
                differences = 0
                return false
            }
            let told = description.members.first { $0.instanceID == instanceID }?.partitions ?? []
            differences = Set(told) == asked.assigned ? 0 : differences + 1
            // Once may be a rebalance that has not reached us yet.
            if differences >= 2 {
                differences = 0
                return true
            }
        } else if asked == nil, nextRequest <= .now {
            nextRequest = .now + Self.interval
            asked = (assigned, rebalances)
            request()
        }
        return false
    }

    private func request() {
        group.withCString { name in
            var names: [UnsafePointer<CChar>?] = [name]
            rd_kafka_DescribeConsumerGroups(raw, &names, 1, nil, queue)
        }
    }
}
