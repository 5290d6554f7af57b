import Execution
import Histogram
import JSON
import Outbound

/// Posts an order now and then and asks for it, waiting until the read model shows it (`Prefer: wait`): how long a
/// customer sees nothing.
final class VisibilityProbe: Sendable {
    struct Outcome: Sendable {
        /// Microseconds from sending the order to the first answer that shows it.
        var visible = Histogram<UInt64>(
            highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: .three)
        /// Microseconds until it is confirmed or cancelled.
        var settled = Histogram<UInt64>(
            highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: .three)
        var created = 0
        /// Orders that didn't show within the limit.
        var missing = 0
        var errors = 0
    }

    private let target: BenchTarget
    private let interval: Duration
    private let untilSettled: Bool
    private let headers: [(name: String, value: String)]
    private let body: [UInt8]
    private let stopping = StopSignal()
    private let outcome = Monitor(Outcome())
    private let workers = Monitor<[DedicatedThread]>([])
    private let client: HTTPClient

    /// Probes that wait at the same time, so that slow ones don't thin out the others.
    private static let concurrency = 8
    private static let limit: Duration = .seconds(30)

    /// - Parameters:
    ///   - headers: more fields of every request.
    ///   - isExpress: whether its orders are.
    init(
        _ target: BenchTarget, headers: [(name: String, value: String)], perSecond: Double, untilSettled: Bool,
        isExpress: Bool = false
    ) {
        self.headers = headers
        body = Array(
            #"{"userId":"probe","items":[{"sku":"PROBE","qty":1}],"total":1.00\#(isExpress ? #","priority":"express""# : "")}"#
                .utf8)
        self.target = target
        interval = .seconds(Double(Self.concurrency) / perSecond)
        self.untilSettled = untilSettled
        var configuration = HTTPClient.Configuration()
        configuration.idleLimit = Self.concurrency
        client = HTTPClient(configuration)
    }

    func start() {
        workers.withLock { workers in
            workers = (0..<Self.concurrency).map { number in
                DedicatedThread.start("probe-\(number)") { [self] in
                    var due = ContinuousClock.now + interval * number / Self.concurrency
                    while !stopping.wait(for: ContinuousClock.now.duration(to: due)) {
                        probe(dueAt: due)
                        due += interval
                    }
                }
            }
        }
    }

    /// Lets the probes under way end.
    func stop() -> Outcome {
        stopping.stop()
        for worker in workers.withLock({ $0 }) { worker.join() }
        return outcome.withLock { $0 }
    }

    private func probe(dueAt due: ContinuousClock.Instant) {
        let request = HTTPClient.Request(
            url: "\(target.url)/orders", body: body,
            headers: [(name: "Content-Type", value: "application/json")] + headers)
        guard let answer = try? client.send(request), answer.status == 201,
            let id = (try? JSONValue(parsing: answer.body))?["order"]?["orderId"]?.string
        else { return outcome.withLock { $0.errors += 1 } }
        outcome.withLock { $0.created += 1 }
        var version: Int64 = 0
        while due.duration(to: .now) < Self.limit {
            let found = try? client.send(
                HTTPClient.Request(
                    url: "\(target.url)/orders/\(id)?minVersion=\(version + 1)",
                    headers: [(name: "Prefer", value: "wait=5")] + headers))
            if let found, found.status == 200, let order = try? JSONValue(parsing: found.body) {
                let time = UInt64(due.duration(to: .now) / .microseconds(1))
                if version == 0 { outcome.withLock { _ = $0.visible.record(time) } }
                guard untilSettled else { return }
                let status = order["status"]?.string
                if status == "confirmed" || status == "cancelled" {
                    return outcome.withLock { _ = $0.settled.record(time) }
                }
                version = order["version"]?.int64 ?? version + 1
                continue
            }
            // Not there within the wait, or a server that is overloaded.
            StopSignal().wait(for: .milliseconds(10))
        }
        outcome.withLock { $0.missing += 1 }
    }
}
