import CLibrdkafka
import Execution
import Logging

/// The consumer's own thread. In turn it looks after the group, gives partitions that wait their start, holds fetching
/// back while the buffer is full, and fetches, which serves librdkafka's callbacks too; then it sees to it that no partition is
/// passed over.
final class ConsumerPoller: Sendable {
    let stop = StopSignal()
    let pacing: FetchPacing
    let membership: GroupMembership
    let rebalancing: Rebalancing
    let pressure: BackPressure
    /// Nil for a member without urgent topics.
    let urgent: UrgentQueue?
    private let fetch: RecordFetch
    private let buffers: ConsumerBuffers
    private let held: Monitor<HeldPartitions>
    private let ownership = Monitor<[TopicPartition]>([])
    private let configuration: ConsumerConfiguration
    private let logger: Logger

    private static let listenerRetry: Duration = .milliseconds(500)
    /// Longest wait for records: while there is something to come back for soon, and otherwise. What librdkafka has to
    /// say ends it at any time.
    private static let wait: (short: Duration, long: Duration) = (.milliseconds(100), .seconds(1))

    init(
        _ configuration: ConsumerConfiguration, _ listener: any RebalanceListener, _ buffers: ConsumerBuffers,
        _ logger: Logger
    ) {
        self.configuration = configuration
        self.buffers = buffers
        self.logger = logger
        let held = Monitor(HeldPartitions())
        self.held = held
        pacing = FetchPacing(isDevBroker: configuration.kafka.isDevBroker, isAlert: { buffers.isAlert })
        membership = GroupMembership(configuration, held, logger)
        let urgent = configuration.urgentTopics.isEmpty ? nil : UrgentQueue(configuration.urgentTopics)
        self.urgent = urgent
        pressure = BackPressure(configuration, buffers.others, held, urgent, stop, logger)
        fetch = RecordFetch(configuration, buffers, held, urgent, logger)
        rebalancing = Rebalancing(configuration, listener, buffers, held, urgent, pacing, stop, logger)
    }

    var holding: HeldPartitions.Summary { held.withLock { $0.summary } }
    var hasBeenAssigned: Bool { held.withLock { $0.isKnown } }
    /// Partitions of the group that lastingly belong to nobody.
    var ownerless: [TopicPartition] { ownership.withLock { $0 } }
    /// Why this member can't go on and a new one has to be made.
    var failure: KafkaError? { fetch.failure.withLock { $0 } }

    func run(_ handle: KafkaHandle, _ watch: GroupWatch) {
        var nextStart = ContinuousClock.now
        var turns = TurnKeeper(configuration, held, logger)
        var rejoining = RejoinJudge(
            instanceID: membership.instanceID, isDevBroker: configuration.kafka.isDevBroker,
            ownerless: ownership, logger)
        stop.onStop { [urgent] in
            urgent?.raise()
            handle.endConsumerPoll()
        }
        while !stop.isStopped {
            if let look = watch.take(),
                rejoining.mustRejoin(
                    after: look, rebalances: holding.rebalances, memberID: membership.memberID(handle.raw))
            {
                membership.leave(handle.raw)
                membership.subscribe(handle.raw)
            }
            if held.withLock({ !$0.waiting.isEmpty }), nextStart <= .now {
                rebalancing.startWaiting(handle.raw)
                nextStart = .now + Self.listenerRetry
            }
            pressure.apply(handle.raw) { fetch.fetchUrgent() }
            let isHeldUp = held.withLock { !$0.waiting.isEmpty || $0.isPaused || !$0.aside.isEmpty }
            if !isHeldUp { pacing.lull() }
            let count = fetch.run(handle.raw, wait: isHeldUp ? Self.wait.short : Self.wait.long)
            turns.look(handle.raw, after: count)
        }
        buffers.update { $0.closed = true }
        urgent?.stopTelling(handle.raw)
        membership.close(handle)
        urgent?.close()
        buffers.update { $0.drop(nil) }
    }
}
