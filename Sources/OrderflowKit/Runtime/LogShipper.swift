import Execution
import Kafka
import Logging
import Metrics
import Telemetry

/// Brings a daemon's log lines to a Kafka topic, on a thread of its own.
///
/// Brokers that are away cost the lines that don't fit into the queue, or that wait longer than `patience`, and nothing
/// else. What the shipper and its own Kafka client have to say goes to a logger that doesn't lead here.
public final class LogShipper: Sendable {
    /// How long a line may wait for the brokers.
    private static let patience: Duration = .seconds(30)
    /// A line waits this long for others to go with it.
    private static let gathering: Duration = .milliseconds(200)
    private static let batch = 1_000

    private let queue: LogQueue
    private let topic: String
    private let key: [UInt8]
    private let producer: Producer
    private let logger: Logger
    private let stopping = StopSignal()
    private let thread = Monitor<DedicatedThread?>(nil)
    private let isAway = Monitor(false)
    private let shipped = Counter(label: "orderflow_log_lines_total", dimensions: [("outcome", "shipped")])
    private let lost = Counter(label: "orderflow_log_lines_total", dimensions: [("outcome", "lost")])

    /// - Parameters:
    ///   - instance: the process: its lines have one key, and so they keep their order.
    ///   - logger: one whose lines don't come into `queue`.
    public init(
        _ queue: LogQueue, to topic: String, instance: String, kafka: KafkaConfiguration, logger: Logger
    ) throws(KafkaError) {
        self.queue = queue
        self.topic = topic
        key = Array(instance.utf8)
        self.logger = logger
        var kafka = kafka
        // A line isn't worth a wait for ever, as an event is.
        kafka.properties["message.timeout.ms"] = String(Int(Self.patience / .milliseconds(1)))
        kafka.properties["statistics.interval.ms"] = "0"
        var configuration = ProducerConfiguration(kafka)
        configuration.queueMessages = 2 * Self.batch
        configuration.queueKilobytes = 16 << 10
        configuration.linger = .milliseconds(5)
        producer = try Producer(configuration, logger: logger)
    }

    /// Once.
    public func start() {
        let new = DedicatedThread.start("log-shipper") { [self] in run() }
        thread.withLock { $0 = new }
    }

    /// Ships what waits, and ends. Blocks for at most `limit`; what isn't out by then is on stderr alone.
    public func stop(within limit: Duration) {
        stopping.stop()
        queue.close()
        thread.withLock { $0 }?.join(timeout: limit)
    }

    private func run() {
        while true {
            let lines = queue.take(max: Self.batch, after: Self.gathering)
            if !lines.isEmpty {
                ship(lines)
            } else if stopping.isStopped {
                break
            }
        }
        producer.close(timeout: .seconds(1))
    }

    private func ship(_ lines: [LogQueue.Line]) {
        let messages = lines.map { line in
            // The line's own time, so that the topic can be searched by it.
            OutgoingMessage(topic: topic, key: key, value: line.json, timestamp: line.time / 1_000)
        }
        do {
            // librdkafka gives a record up before this is over; then there is nothing left in it of these lines.
            let results = try producer.publish(messages, timeout: Self.patience * 2)
            let failures = results.compactMap { result -> KafkaError? in
                if case .failure(let error) = result { error } else { nil }
            }
            shipped.increment(by: lines.count - failures.count)
            if !failures.isEmpty { lost.increment(by: failures.count) }
            note(failures.first)
        } catch {
            lost.increment(by: lines.count)
            note(error)
        }
    }

    /// Says once that lines are lost, and once that they aren't any more.
    private func note(_ error: KafkaError?) {
        let hasChanged = isAway.withLock { isAway in
            defer { isAway = error != nil }
            return isAway != (error != nil)
        }
        guard hasChanged else { return }
        if let error {
            logger.warning("log_lines_lost", metadata: ["topic": "\(topic)", "error": "\(error)"])
        } else {
            logger.info("log_lines_shipped_again", metadata: ["topic": "\(topic)"])
        }
    }
}
