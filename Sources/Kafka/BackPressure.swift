import CLibrdkafka
import Execution
import Logging

/// Holds the poll thread back while workers don't keep up, and pauses partitions when that lasts. Its own methods run on
/// the poll thread; `roomMade` is called by workers.
///
/// Urgent topics are none of it: their buffer is another one, with a bound that `RecordFetch` keeps.
struct BackPressure: Sendable {
    private let configuration: ConsumerConfiguration
    private let buffer: Monitor<ConsumerBuffer>
    private let held: Monitor<HeldPartitions>
    private let urgent: UrgentQueue?
    private let stop: StopSignal
    /// The poll thread found the buffer full, and nobody has made room since.
    private let isRoomSought = Monitor(false)
    private let logger: Logger

    /// How long a full buffer may hold up polling before partitions are paused: pausing throws prefetched records
    /// away, so a worker that is merely busy must not cause it.
    private static let patience: Duration = .seconds(1)

    init(
        _ configuration: ConsumerConfiguration, _ buffer: Monitor<ConsumerBuffer>, _ held: Monitor<HeldPartitions>,
        _ urgent: UrgentQueue?, _ stop: StopSignal, _ logger: Logger
    ) {
        self.configuration = configuration
        self.buffer = buffer
        self.held = held
        self.urgent = urgent
        self.stop = stop
        self.logger = logger
    }

    /// The poll thread is woken only where it may be waiting for room.
    ///
    /// - Parameter isUrgent: in the buffer of urgent records.
    func roomMade(isUrgent: Bool = false) {
        let wasSought = isRoomSought.update { isSought in
            defer { isSought = false }
            return isSought
        }
        if wasSought || isUrgent || held.withLock({ $0.isPaused }) { urgent?.raise() }
    }

    /// Waits for room in a full buffer, or pauses; lets paused partitions go on once it is half empty.
    ///
    /// - Parameter fetchUrgent: called while it waits.
    func apply(_ raw: OpaquePointer, fetchUrgent: () -> Void) {
        if isFull {
            holdBack(raw, fetchUrgent)
        } else {
            resumeIfPaused(raw)
        }
    }

    private var isFull: Bool {
        buffer.withLock { $0.count >= configuration.bufferMessages || $0.bytes >= configuration.bufferBytes }
    }

    private func holdBack(_ raw: OpaquePointer, _ fetchUrgent: () -> Void) {
        if held.withLock({ $0.isPaused }) { return }
        // What was told meanwhile of the common queue is still to be fetched.
        defer { urgent?.raise() }
        let deadline = ContinuousClock.now + Self.patience
        while true {
            // Before the look: who makes room after it has to know.
            isRoomSought.withLock { $0 = true }
            guard isFull else { return }
            if stop.isStopped { return }
            fetchUrgent()
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return pause(raw) }
            let wait = min(left, .milliseconds(100))
            // Told of room too.
            if let urgent {
                urgent.wait(for: wait)
                continue
            }
            _ = isRoomSought.wait(for: wait) { $0 ? nil : true }
        }
    }

    private func pause(_ raw: OpaquePointer) {
        let partitions = held.withLock { held in
            held.isPaused = true
            held.aside = []
            return held.started.filter { !configuration.isUrgent($0) }
        }
        _ = PartitionList(partitions).use { rd_kafka_pause_partitions(raw, $0) }
        logger.debug("partitions_paused", metadata: ["reason": "buffer full"])
    }

    private func resumeIfPaused(_ raw: OpaquePointer) {
        let isHalfEmpty = buffer.withLock {
            $0.count <= configuration.bufferMessages / 2 && $0.bytes <= configuration.bufferBytes / 2
        }
        guard isHalfEmpty else { return }
        let partitions = held.withLock { held -> Set<TopicPartition>? in
            guard held.isPaused else { return nil }
            held.isPaused = false
            return held.started
        }
        if let partitions { _ = PartitionList(partitions).use { rd_kafka_resume_partitions(raw, $0) } }
    }
}
