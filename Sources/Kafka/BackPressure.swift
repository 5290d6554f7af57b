import CLibrdkafka
import Execution
import Logging

/// Holds the poll thread back while workers don't keep up, and pauses partitions when that lasts. Its own methods run on
/// the poll thread; `roomMade` is called by workers.
struct BackPressure: Sendable {
    private let configuration: ConsumerConfiguration
    private let buffer: Monitor<ConsumerBuffer>
    private let held: Monitor<HeldPartitions>
    private let stop: StopSignal
    private let room = Monitor(false)
    private let logger: Logger

    /// How long a full buffer may hold up polling before partitions are paused: pausing throws prefetched records
    /// away, so a worker that is merely busy must not cause it.
    private static let patience: Duration = .seconds(1)

    init(
        _ configuration: ConsumerConfiguration, _ buffer: Monitor<ConsumerBuffer>, _ held: Monitor<HeldPartitions>,
        _ stop: StopSignal, _ logger: Logger
    ) {
        self.configuration = configuration
        self.buffer = buffer
        self.held = held
        self.stop = stop
        self.logger = logger
    }

    func roomMade() { room.update { $0 = true } }

    /// Waits for room in a full buffer, or pauses; lets paused partitions go on once it is half empty.
    func apply(_ raw: OpaquePointer) {
        if isFull {
            holdBack(raw)
        } else {
            resumeIfPaused(raw)
        }
    }

    private var isFull: Bool {
        buffer.withLock { $0.count >= configuration.bufferMessages || $0.bytes >= configuration.bufferBytes }
    }

    private func holdBack(_ raw: OpaquePointer) {
        if held.withLock({ $0.isPaused }) { return }
        let deadline = ContinuousClock.now + Self.patience
        while isFull {
            if stop.isStopped { return }
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return pause(raw) }
            _ = room.wait(for: min(left, .milliseconds(100))) { room -> Bool? in
                defer { room = false }
                return room ? true : nil
            }
        }
    }

    private func pause(_ raw: OpaquePointer) {
        let partitions = held.withLock { held in
            held.isPaused = true
            return held.started
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
