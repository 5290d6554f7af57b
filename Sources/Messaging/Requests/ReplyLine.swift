import Execution
import Kafka
import Logging

/// The connection by which a process sends requests and reads the answers, from the making of its topic to its end.
final class ReplyLine: Sendable {
    /// An answer as it was read.
    struct Reply {
        /// The request that it says it answers.
        let requestID: String
        let verdict: RecordVerdict
    }

    let topic: ReplyTopic
    private let kafka: KafkaConfiguration
    private let reader: RecordReader
    private let logger: Logger
    private let state = Monitor(State())

    private struct State {
        /// The first offset that hasn't been read.
        var next: Int64 = 0
        var problem: String?
        var isMade = false
        /// Topics of others without a sign of life, when one last looked.
        var suspects: Set<String> = []
        /// Why its topic doesn't take a sign of life.
        var refusal: KafkaError?
    }

    /// How long the topic may take to hand back what was just written to it.
    private static let patience: Duration = .seconds(10)
    private static let batch = 1_000

    init(_ topic: ReplyTopic, kafka: KafkaConfiguration, reader: RecordReader, logger: Logger) {
        self.topic = topic
        var kafka = kafka
        // Nobody looks at them.
        kafka.properties["statistics.interval.ms"] = "0"
        self.kafka = kafka
        self.reader = reader
        self.logger = logger
    }

    /// Why it isn't open.
    var problem: String? { state.withLock { $0.problem } }

    /// Opens the line and reads until `stop`. Throws what interrupts it. Blocks the calling thread.
    ///
    /// - Parameter onOpen: called once answers are read, with what sends requests.
    func read(until stop: StopSignal, onOpen: (Producer) -> Void, each: (Reply) -> Void) throws {
        do {
            try open(until: stop, onOpen, each)
        } catch {
            state.withLock { $0.problem = "\(error)" }
            throw error
        }
    }

    private func open(until stop: StopSignal, _ onOpen: (Producer) -> Void, _ each: (Reply) -> Void) throws {
        // No longer: a process that is told to stop may have to wait for it.
        let admin = try Admin(kafka, timeout: .seconds(3), logger: logger)
        let marks = try topic.open(admin)
        // After an interruption what has come meanwhile is still awaited; in a topic that was made anew there is none.
        let start = state.withLock { state in
            defer { state.isMade = true }
            return state.isMade ? min(max(marks.low, state.next), marks.high) : marks.high
        }
        var configuration = ProducerConfiguration(kafka)
        configuration.givesUpAfter = .seconds(5)
        let producer = try Producer(configuration, logger: logger)
        defer { producer.close(timeout: .zero) }
        let reader = try PartitionReader(
            kafka, [topic.place: start..<Int64.max], patience: .milliseconds(500), logger: logger)
        let mark = String(UInt64.random(in: 0 ... .max), radix: 16)
        state.withLock { $0.refusal = nil }
        try sayPresence(mark, by: producer)
        let deadline = ContinuousClock.now + Self.patience
        var isOpen = false
        var nextPresence = ContinuousClock.now + ReplyTopic.presenceInterval
        sweep(admin)
        while !stop.isStopped {
            if !isOpen, .now >= deadline { throw NotHandedBack(topic: topic.name) }
            // As where another program has deleted it: it is made again.
            if let refusal = state.withLock({ $0.refusal }) { throw refusal }
            if .now >= nextPresence {
                nextPresence = .now + ReplyTopic.presenceInterval
                try sayPresence(mark, by: producer)
                sweep(admin)
            }
            guard let batch = try reader.nextBatch(max: Self.batch, timeout: .milliseconds(500)) else { continue }
            for record in batch {
                state.withLock { $0.next = record.offset + 1 }
                if let own = record.header(RequestHeader.presence) {
                    guard !isOpen, own.elementsEqual(mark.utf8) else { continue }
                    isOpen = true
                    state.withLock { $0.problem = nil }
                    onOpen(producer)
                } else if let id = record.header(EventHeader.causationID).flatMap({ EnvelopeHeaders.text($0) }) {
                    each(Reply(requestID: id, verdict: self.reader.read(record)))
                }
            }
        }
    }

    private func sayPresence(_ mark: String, by producer: Producer) throws {
        try producer.post([topic.presence(mark)]) { [state] results in
            guard case .failure(let error)? = results.first else { return }
            state.update { $0.refusal = error }
        }
    }

    /// Deletes topics of others that had no sign of life when one looked before either.
    private func sweep(_ admin: Admin) {
        do {
            let abandoned = Set(try topic.abandoned(admin))
            let gone = state.withLock { abandoned.intersection($0.suspects).sorted() }
            try admin.deleteTopics(gone)
            state.update { $0.suspects = abandoned.subtracting(gone) }
            if !gone.isEmpty {
                logger.info("reply_topics_deleted", metadata: ["topics": "\(gone.joined(separator: " "))"])
            }
        } catch {
            // Another time.
            logger.debug("reply_topics_not_swept", metadata: ["error": "\(error)"])
        }
    }

    /// Nobody reads here any more. Where the brokers are away, which isn't waited for, another process deletes the topic
    /// later.
    func close() {
        guard state.withLock({ $0.isMade && $0.problem == nil }) else { return }
        do {
            try topic.delete(try Admin(kafka, timeout: .seconds(2), logger: logger))
        } catch {
            logger.info("reply_topic_left", metadata: ["topic": "\(topic.name)", "error": "\(error)"])
        }
    }
}

/// What was written to the reply topic hasn't come back.
private struct NotHandedBack: Error, CustomStringConvertible {
    let topic: String
    var description: String { "nothing comes back from \(topic)" }
}
