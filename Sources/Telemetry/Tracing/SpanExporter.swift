import Execution
import JSON
import Logging
import Metrics

/// Brings finished spans to a collector, in batches, on a thread of its own.
///
/// A collector that is away or overloaded is tried again with back-off (OTLP specification, "Failures"); meanwhile the
/// queue fills and then drops. Nothing here ever waits in the way of an order.
public final class SpanExporter: Sendable {
    /// What a collector says to a batch.
    public enum Answer: Sendable {
        /// With its body, which may say that some spans weren't wanted.
        case accepted([UInt8])
        /// To be sent again, after so long if the collector said how long.
        case again(after: Duration?, reason: String)
        /// Never to be sent again.
        case refused(String)
    }

    /// Sends one body. Blocks, for a bounded time.
    public typealias Transport = @Sendable (_ body: [UInt8]) -> Answer

    public struct Configuration: Sendable {
        /// What is the same for all spans of the process, such as `service.name`.
        public var resource: [(name: String, value: String)] = []
        /// Longest wait of a span for others to go with it.
        public var interval: Duration = .seconds(1)
        /// Tries of one batch.
        public var attempts = 6
        public var retryBase: Duration = .milliseconds(500)
        public var retryCap: Duration = .seconds(10)

        public init() {}
    }

    /// However long the collector asks us to wait.
    private static let longestPause: Duration = .seconds(60)

    private let configuration: Configuration
    private let queue: SpanQueue
    private let transport: Transport
    private let encoder: OTLPEncoder
    private let logger: Logger
    private let stopping = StopSignal()
    private let thread = Monitor<DedicatedThread?>(nil)
    private let isAway = Monitor(false)
    private let exported: Counter
    private let refused: Counter
    private let unreachable: Counter

    public init(
        _ queue: SpanQueue, _ configuration: Configuration = Configuration(), logger: Logger,
        transport: @escaping Transport
    ) {
        self.queue = queue
        self.configuration = configuration
        self.transport = transport
        self.logger = logger
        encoder = OTLPEncoder(resource: configuration.resource)
        func counter(_ outcome: String) -> Counter {
            Counter(label: "orderflow_trace_spans_total", dimensions: [("outcome", outcome)])
        }
        exported = counter("exported")
        refused = counter("refused")
        unreachable = counter("unreachable")
    }

    /// Once.
    public func start() {
        let new = DedicatedThread.start("span-exporter") { [self] in run() }
        thread.withLock { $0 = new }
    }

    /// Sends what waits, and ends. Blocks for at most `limit`; what isn't out by then is lost.
    public func stop(within limit: Duration) {
        stopping.stop()
        queue.close()
        thread.withLock { $0 }?.join(timeout: limit)
    }

    private func run() {
        while true {
            let spans = queue.take(within: configuration.interval)
            if !spans.isEmpty {
                export(spans)
            } else if stopping.isStopped {
                return
            }
        }
    }

    private func export(_ spans: [FinishedSpan]) {
        let body = encoder.encode(spans)
        var backoff = Backoff(base: configuration.retryBase, cap: configuration.retryCap)
        while true {
            // Who stops gets one more try.
            let isLast = stopping.isStopped || backoff.attempt + 1 >= configuration.attempts
            switch transport(body) {
            case .accepted(let answer):
                let rejected = min(PartialSuccess(answer).rejected, spans.count)
                exported.increment(by: spans.count - rejected)
                if rejected > 0 { refused.increment(by: rejected) }
                note(isAway: false, "")
                return
            case .refused(let reason):
                refused.increment(by: spans.count)
                logger.warning("spans_refused", metadata: ["spans": "\(spans.count)", "reason": "\(reason)"])
                return
            case .again(let wish, let reason):
                note(isAway: true, reason)
                if isLast {
                    unreachable.increment(by: spans.count)
                    return
                }
                let pause = backoff.next()
                stopping.wait(for: min(max(pause, wish ?? .zero), Self.longestPause))
            }
        }
    }

    /// Says once that the collector is away, and once that it is back.
    private func note(isAway now: Bool, _ reason: String) {
        let hasChanged = isAway.withLock { isAway in
            defer { isAway = now }
            return isAway != now
        }
        guard hasChanged else { return }
        if now {
            logger.warning("collector_away", metadata: ["reason": "\(reason)"])
        } else {
            logger.info("collector_answers")
        }
    }
}

/// `ExportTraceServiceResponse`: of an accepted export, what was left out all the same.
private struct PartialSuccess {
    private(set) var rejected = 0

    init(_ body: [UInt8]) {
        let answer = try? JSONValue(parsing: body)
        // A 64-bit integer is a string in protobuf's JSON, and may be a number.
        let value = answer?["partialSuccess"]?["rejectedSpans"]
        rejected = value?.int64.map { Int(clamping: $0) } ?? value?.string.flatMap { Int($0) } ?? 0
        rejected = max(0, rejected)
    }
}
