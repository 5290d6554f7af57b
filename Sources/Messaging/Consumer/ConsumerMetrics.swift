import Kafka
import Metrics

/// Counters of one consumer group.
struct ConsumerMetrics: Sendable {
    private let handled: Counter
    private let repeated: Counter
    private let skipped: Counter
    private let tombstones: Counter
    private let deadLettered: Counter
    private let parked: Counter
    private let size: Recorder
    private let time: Metrics.Timer
    private let handler: Metrics.Timer
    let retries: Counter
    private let lost: Counter
    private let expired: Counter

    init(group: String) {
        func counter(_ outcome: String) -> Counter {
            Counter(label: "orderflow_consumer_messages_total", dimensions: [("group", group), ("outcome", outcome)])
        }
        handled = counter("handled")
        repeated = counter("repeated")
        skipped = counter("skipped")
        tombstones = counter("tombstone")
        deadLettered = counter("dead_letter")
        parked = counter("parked")
        retries = Counter(label: "orderflow_consumer_retries_total", dimensions: [("group", group)])
        func setbacks(_ reason: String) -> Counter {
            Counter(label: "orderflow_consumer_setbacks_total", dimensions: [("group", group), ("reason", reason)])
        }
        lost = setbacks("lost")
        expired = setbacks("expired")
        size = Recorder(label: "orderflow_consumer_batch_size", dimensions: [("group", group)], aggregate: true)
        time = Metrics.Timer(label: "orderflow_consumer_transaction_seconds", dimensions: [("group", group)])
        handler = Metrics.Timer(label: "orderflow_consumer_handler_seconds", dimensions: [("group", group)])
    }

    func setback(_ outside: StartOutside) { (outside.isBeyondEnd ? lost : expired).increment() }

    func batch(_ count: Int) { size.record(count) }

    /// A batch without anything for the group.
    func passed(_ records: [ConsumedRecord]) {
        let empty = records.count { $0.isTombstone }
        skipped.increment(by: records.count - empty)
        if empty > 0 { tombstones.increment(by: empty) }
        batch(records.count)
    }

    /// The handler's own share of a transaction.
    func handler(_ duration: Duration) { handler.record(duration: duration) }

    func handled(_ result: BatchResult, in duration: Duration) {
        if result.handled > 0 { handled.increment(by: result.handled) }
        if result.repeated > 0 { repeated.increment(by: result.repeated) }
        if result.skipped > 0 { skipped.increment(by: result.skipped) }
        if result.tombstones > 0 { tombstones.increment(by: result.tombstones) }
        if result.deadLettered > 0 { deadLettered.increment(by: result.deadLettered) }
        if result.parked > 0 { parked.increment(by: result.parked) }
        if duration > .zero { time.record(duration: duration) }
    }
}
