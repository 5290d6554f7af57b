import CLibrdkafka
import Execution

/// The buffers of a member: records of urgent topics wait apart, and go to a worker of their own, so that no batch of others
/// that is under way holds them up.
struct ConsumerBuffers: Sendable {
    let urgent = Monitor(ConsumerBuffer())
    let others = Monitor(ConsumerBuffer())
    private let alert = Monitor(UrgencyAlert())

    func of(urgent isUrgent: Bool) -> Monitor<ConsumerBuffer> { isUrgent ? urgent : others }

    /// Puts what was fetched into the buffers, both told once.
    func put(
        urgent urgentMessages: [UnsafeMutablePointer<rd_kafka_message_t>],
        others otherMessages: [UnsafeMutablePointer<rd_kafka_message_t>]
    ) {
        if !urgentMessages.isEmpty {
            alert.withLock { $0.raise(at: .now) }
            urgent.update { buffer in for message in urgentMessages { buffer.append(message) } }
        }
        if !otherMessages.isEmpty {
            others.update { buffer in for message in otherMessages { buffer.append(message) } }
        }
    }

    /// Urgent records are expected, because some came lately.
    var isAlert: Bool { alert.withLock { $0.isOn(at: .now) } }

    var waiting: (messages: Int, bytes: Int) {
        let (a, b) = (urgent.withLock { ($0.count, $0.bytes) }, others.withLock { ($0.count, $0.bytes) })
        return (a.0 + b.0, a.1 + b.1)
    }

    /// Changes both, and wakes who waits at them.
    func update(_ change: (inout ConsumerBuffer) -> Void) {
        urgent.update(change)
        others.update(change)
    }

    /// Waits until no worker has anything of `partitions`, for `timeout` at most. False when the time is up.
    func wait(for timeout: Duration, untilThrough partitions: Set<TopicPartition>) -> Bool {
        let deadline = ContinuousClock.now + timeout
        return [urgent, others].allSatisfy { buffer in
            let left = max(.zero, ContinuousClock.now.duration(to: deadline))
            return buffer.wait(for: left) { $0.isInHand(partitions) ? nil : true } ?? false
        }
    }
}
