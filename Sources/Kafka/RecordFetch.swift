import CLibrdkafka
import Execution
import Logging

/// Takes records out of librdkafka into the buffer, urgent ones first. Runs on the poll thread.
struct RecordFetch: Sendable {
    private let configuration: ConsumerConfiguration
    private let buffers: ConsumerBuffers
    private let held: Monitor<HeldPartitions>
    private let urgent: UrgentQueue?
    private let logger: Logger
    /// Why the member can't go on.
    let failure = Monitor<KafkaError?>(nil)

    private static let batch = 1_000

    init(
        _ configuration: ConsumerConfiguration, _ buffers: ConsumerBuffers, _ held: Monitor<HeldPartitions>,
        _ urgent: UrgentQueue?, _ logger: Logger
    ) {
        self.configuration = configuration
        self.buffers = buffers
        self.held = held
        self.urgent = urgent
        self.logger = logger
    }

    /// Waits for one record, `wait` at most, then takes what lies ready, and hands all to the workers at once. Returns how many
    /// there were that aren't urgent.
    func run(_ raw: OpaquePointer, wait: Duration) -> Int {
        var fetched: [UnsafeMutablePointer<rd_kafka_message_t>] = []
        var timeout = Int32(clamping: Int(wait / .milliseconds(1)))
        if let urgent {
            urgent.wait(for: wait)
            timeout = 0
            fetchUrgent()
        }
        while fetched.count < Self.batch, let message = rd_kafka_consumer_poll(raw, timeout) {
            timeout = 0
            // The poll may have served a rebalance: what was fetched before of a partition that went, and may even be
            // back, must not follow.
            dropRevoked(&fetched)
            guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                report(message)
                rd_kafka_message_destroy(message)
                continue
            }
            fetched.append(message)
        }
        dropRevoked(&fetched)
        // The queue tells only that it isn't empty any more.
        if fetched.count == Self.batch { urgent?.raise() }
        guard !fetched.isEmpty else { return 0 }
        if let fallen = hand(fetched) { giveUp(fallen) }
        return fetched.count
    }

    /// Takes what lies ready of urgent topics, as far as there is room; more stays with librdkafka, within its own bounds.
    /// Serves no callbacks: no partition goes meanwhile.
    func fetchUrgent() {
        guard let urgent else { return }
        var room = configuration.bufferMessages - buffers.urgent.withLock { $0.count }
        var fetched: [UnsafeMutablePointer<rd_kafka_message_t>] = []
        while room > 0, let message = urgent.next() {
            guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
                report(message)
                rd_kafka_message_destroy(message)
                continue
            }
            fetched.append(message)
            room -= 1
        }
        guard !fetched.isEmpty else { return }
        if let fallen = hand(fetched) { giveUp(fallen) }
    }

    /// Puts records of started partitions into the buffers. Returns a partition that has fallen back.
    private func hand(_ fetched: [UnsafeMutablePointer<rd_kafka_message_t>]) -> FetchPositions.Run? {
        let (wanted, known) = held.withLock { ($0.started, $0.positions) }
        var positions = known
        var fallen: FetchPositions.Run?
        // Records come in runs of a partition: looking each run up is enough.
        var place: (topic: OpaquePointer?, partition: Int32) = (nil, 0)
        var run: FetchPositions.Run?
        var isUrgent = false
        var urgentOnes: [UnsafeMutablePointer<rd_kafka_message_t>] = []
        var others: [UnsafeMutablePointer<rd_kafka_message_t>] = []
        func end() {
            guard let run else { return }
            positions.end(run)
            if run.expected != nil { fallen = fallen ?? run }
        }
        for message in fetched {
            if place != (message.pointee.rkt, message.pointee.partition) {
                end()
                place = (message.pointee.rkt, message.pointee.partition)
                let partition = ConsumerBuffer.partition(message)
                isUrgent = configuration.isUrgent(partition)
                // Fetched before its start was known: it comes again.
                run = wanted.contains(partition) ? positions.run(of: partition) : nil
            }
            if run?.takes(message.pointee.offset) ?? false {
                if isUrgent { urgentOnes.append(message) } else { others.append(message) }
            } else {
                rd_kafka_message_destroy(message)
            }
        }
        end()
        buffers.put(urgent: urgentOnes, others: others)
        held.withLock { $0.positions = positions }
        return fallen
    }

    /// What was read of a partition isn't there any more: where to go on has to be decided anew, with nothing of it in
    /// hand, which a new member sees to.
    private func giveUp(_ run: FetchPositions.Run) {
        let text = "\(run.partition) has fallen back behind offset \(run.expected ?? 0)"
        failure.update { $0 = $0 ?? KafkaError(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, text, isFatal: true) }
    }

    private func dropRevoked(_ fetched: inout [UnsafeMutablePointer<rd_kafka_message_t>]) {
        let revoked = held.withLock { $0.takeRevoked() }
        guard !revoked.isEmpty else { return }
        fetched.removeAll { message in
            guard revoked.contains(ConsumerBuffer.partition(message)) else { return false }
            rd_kafka_message_destroy(message)
            return true
        }
    }

    private func report(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        let code = message.pointee.err
        if code == RD_KAFKA_RESP_ERR__PARTITION_EOF { return }
        let text = rd_kafka_message_errstr(message).map { String(cString: $0) } ?? ""
        let error = KafkaError(code, text)
        // A topic that isn't there yet, brokers away: librdkafka goes on trying.
        logger.log(level: error.isRetriable ? .info : .warning, "fetch_failed", metadata: ["error": "\(error)"])
    }
}
