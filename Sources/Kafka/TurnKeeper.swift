import CLibrdkafka
import Execution
import Logging

/// Gives a partition of a backlog its turn where fetches pass it over, by pausing all others until something of it has come.
///
/// A batch that is larger than a partition's share of an answer comes only where it is first in it (`PartitionShare`). librdkafka
/// begins each fetch one partition further on; but whenever its queue has been full it puts all of them behind each other
/// again, in the same order (`rd_kafka_toppar_fetch_decide`, `rd_kafka_broker_active_toppar_add`), so that the last ones may not
/// be first as long as there is a backlog. What was fetched ahead of the others is thrown away, and fetched again after it.
///
/// Runs on the poll thread. Urgent topics are none of it: they have a queue of their own, which is seldom full.
struct TurnKeeper {
    private let configuration: ConsumerConfiguration
    private let held: Monitor<HeldPartitions>
    private let logger: Logger
    private var turns = FetchTurns()
    /// Records fetched since the last look.
    private var fetched = 0
    private var turn: Turn?

    private struct Turn {
        /// Where each partition was whose turn it is.
        let starts: [TopicPartition: Int64]
        let deadline = ContinuousClock.now + TurnKeeper.longest
    }

    /// Of a turn: a broker that is away doesn't hold up the others.
    private static let longest: Duration = .seconds(2)
    /// From look to look: few records come where there is no backlog.
    private static let lookEvery = 1_000

    init(_ configuration: ConsumerConfiguration, _ held: Monitor<HeldPartitions>, _ logger: Logger) {
        self.configuration = configuration
        self.held = held
        self.logger = logger
    }

    /// Begins or ends a turn.
    ///
    /// - Parameter count: of the records that have just been fetched.
    mutating func look(_ raw: OpaquePointer, after count: Int) {
        if let turn {
            if isOver(turn) { end(turn, raw) }
            return
        }
        fetched += count
        guard fetched >= Self.lookEvery else { return }
        fetched = 0
        let (next, started, isPaused) = held.withLock { ($0.positions.next, $0.started, $0.isPaused) }
        guard !isPaused else { return }
        let ordinary = next.filter { started.contains($0.key) && !configuration.isUrgent($0.key) }
        let passedOver = turns.passedOver(ordinary) { partition, next in
            // As the last answer had it, which says so of partitions too that it has no record of.
            var (low, high): (Int64, Int64) = (0, 0)
            let code = rd_kafka_get_watermark_offsets(raw, partition.topic, partition.partition, &low, &high)
            return code == RD_KAFKA_RESP_ERR_NO_ERROR && high > next
        }
        let others = Set(ordinary.keys).subtracting(passedOver)
        guard !passedOver.isEmpty, !others.isEmpty else { return }
        turn = Turn(starts: ordinary.filter { passedOver.contains($0.key) })
        held.withLock { $0.aside = others }
        _ = PartitionList(others).use { rd_kafka_pause_partitions(raw, $0) }
        logger.debug(
            "partitions_passed_over",
            metadata: ["partitions": "\(passedOver.sorted().map(\.description).joined(separator: " "))"])
    }

    /// All have come, or the others aren't paused for them any more.
    private func isOver(_ turn: Turn) -> Bool {
        turn.deadline <= .now
            || held.withLock { held in
                held.aside.isEmpty || turn.starts.allSatisfy { held.positions.next[$0.key] != $0.value }
            }
    }

    private mutating func end(_ turn: Turn, _ raw: OpaquePointer) {
        self.turn = nil
        let (others, next) = held.withLock { held in
            defer { held.aside = [] }
            return (held.aside, held.positions.next)
        }
        turns.end(from: turn.starts, at: next)
        if !others.isEmpty { _ = PartitionList(others).use { rd_kafka_resume_partitions(raw, $0) } }
    }
}
