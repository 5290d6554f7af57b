import Execution
import Foundation
import Kafka
import Logging
import Telemetry
import TestServers
import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// Log lines on their way to their topic, and found there again.
@Suite(.blocking) struct LogShippingTests {
    private let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func kafka() throws -> KafkaConfiguration {
        KafkaConfiguration(bootstrapServers: try KafkaBroker.shared.get().bootstrapServers, isDevBroker: true)
    }

    private func newTopic(partitions: Int = 3) throws -> String {
        let topic = "logs-\(UUID().uuidString)"
        _ = try Admin(kafka(), logger: quiet).createTopics([NewTopic(topic, partitions: partitions, replication: 1)])
        return topic
    }

    private func logger(_ role: String, _ queue: LogQueue) -> Logger {
        Logger(label: role) { label in
            var handler = JSONLogHandler(label: label, role: role, instance: "\(role)-1", output: LogOutput(queue))
            handler.logLevel = .debug
            return handler
        }
    }

    /// What `orderflow logs` writes to stdout.
    private func search(_ filter: LogFilter, since: Int64? = nil, json: Bool = false, in topic: String) throws
        -> [String]
    {
        let path = NSTemporaryDirectory() + "/logs-\(UUID())"
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer {
            close(file)
            unlink(path)
        }
        var search = LogSearch(
            filter: filter, since: since, asJSON: json, topic: topic, kafka: try kafka(), logger: quiet,
            output: StandardOutput(file: file), isColoured: false)
        try search.run()
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test(.servers) func anOrdersLinesAreFoundOverAllServicesInTimeOrder() throws {
        let topic = try newTopic()
        let queues = (api: LogQueue(), saga: LogQueue())
        let shippers = try [("api-1", queues.api), ("saga-1", queues.saga)].map { instance, queue in
            try LogShipper(queue, to: topic, instance: instance, kafka: kafka(), logger: quiet)
        }
        let (api, saga) = (logger("api", queues.api), logger("saga", queues.saga))
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        for number in 0..<40 {
            api.debug(
                "order taken",
                metadata: ["order_id": "o-\(number)", "correlation_id": "c-\(number)", "trace_id": "\(trace)"])
            saga.warning(
                "message \u{1B}[31mseen", metadata: ["order_id": "o-\(number)", "correlation_id": "c-\(number)"])
        }
        for shipper in shippers { shipper.start() }
        for shipper in shippers { shipper.stop(within: .seconds(20)) }

        let lines = try search(LogFilter(order: "o-7"), in: topic)
        #expect(lines.count == 2)
        #expect(lines[0].contains("debug") && lines[0].contains("api-1") && lines[0].contains("order taken"))
        #expect(lines[1].contains("saga-1") && lines[1].contains("correlation_id=c-7"))
        #expect(lines[1].contains(#""message \u001b[31mseen""#))
        #expect(try search(LogFilter(correlation: "c-1"), in: topic).count == 2)
        #expect(try search(LogFilter(correlation: "c-1", role: "saga"), in: topic).count == 1)
        #expect(try search(LogFilter(order: "o-1", level: .warning), in: topic).count == 1)
        #expect(try search(LogFilter(trace: trace), in: topic).count == 40)
        #expect(try search(LogFilter(order: "o-99"), in: topic).isEmpty)
        #expect(try search(LogFilter(), since: WallClock.nowMicroseconds() + 60_000_000, in: topic).isEmpty)

        let all = try search(LogFilter(), json: true, in: topic)
        #expect(all.count == 80)
        let times = all.compactMap { line in Array(line.utf8).withUnsafeBytes { LogLine($0)?.time } }
        #expect(times.count == 80)
        #expect(times == times.sorted())
    }

    /// Brokers that are away cost lines, never a wait.
    @Test func whoLogsNeverWaits() throws {
        let queue = LogQueue(lineLimit: 100)
        let nobody = KafkaConfiguration(bootstrapServers: "127.0.0.1:1")
        let shipper = try LogShipper(queue, to: "logs", instance: "api-1", kafka: nobody, logger: quiet)
        shipper.start()
        let logger = logger("api", queue)
        for number in 0..<20_000 { logger.info("line", metadata: ["number": "\(number)"]) }
        // All but what waits and what the shipper has in hand: a batch takes no more than the queue holds.
        #expect(queue.depth <= 100)
        #expect(queue.dropped > 15_000)
        shipper.stop(within: .milliseconds(100))
    }

    @Test func theQueueIsBoundedInBytesToo() {
        let queue = LogQueue(lineLimit: 1_000, byteLimit: 10_000)
        let logger = logger("api", queue)
        for _ in 0..<10 { logger.info("\(String(repeating: "x", count: 4_000))") }
        #expect(queue.depth == 2)
        #expect(queue.dropped == 8)
        queue.close()
        #expect(queue.take(max: 10, after: .seconds(60)).count == 2)
        logger.info("too late")
        #expect(queue.depth == 0)
    }

    /// What isn't a line of ours is passed over.
    @Test(.servers) func otherRecordsOnTheTopicAreNoLines() throws {
        let topic = try newTopic(partitions: 1)
        let queue = LogQueue()
        let shipper = try LogShipper(queue, to: topic, instance: "api-1", kafka: kafka(), logger: quiet)
        let producer = try Producer(ProducerConfiguration(kafka()), logger: quiet)
        defer { producer.close(timeout: .seconds(5)) }
        let foreign = ["nonsense o-1", "{}", #"{"order_id":"o-1"}"#, #"{"time":1,"level":"info","message":"o-1"}"#]
        let records = foreign.map { OutgoingMessage(topic: topic, value: Array($0.utf8)) }
        for result in try producer.publish(records, timeout: .seconds(20)) { _ = try result.get() }
        logger("api", queue).info("ours", metadata: ["order_id": "o-1"])
        shipper.start()
        shipper.stop(within: .seconds(20))
        #expect(try search(LogFilter(order: "o-1"), in: topic).count == 1)
    }

    @Test(.servers) func aTopicThatIsNotThereIsSaidToBe() {
        #expect(throws: ReplayError.self) { _ = try search(LogFilter(order: "o"), in: "no-such-topic") }
    }
}
