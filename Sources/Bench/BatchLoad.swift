import Execution
import Glibc

/// Posts batches of orders to an API, as many at once as it is told: a thread and a connection for each. A batch is
/// written whole before its answer is read.
public final class BatchLoad: Sendable {
    /// What came of it.
    public struct Result: Sendable {
        /// Lines answered 201.
        public var created = 0
        /// Other lines, and batches that weren't answered to their end.
        public var errors = 0
        public var batches = 0
        public var seconds = 0.0

        public var perSecond: Double { seconds > 0 ? Double(created) / seconds : 0 }
    }

    private let plan: LoadPlan
    private let lines: Int

    /// - Parameters:
    ///   - plan: its connections are batches at once; of its duration only whole batches count.
    ///   - lines: orders of a batch.
    public init(_ plan: LoadPlan, lines: Int) {
        self.plan = plan
        self.lines = lines
    }

    /// Runs until the plan's duration is over and the batches under way are answered. Blocks the calling thread.
    public func run() throws(LoadError) -> Result {
        let descriptors = try connect()
        defer { for descriptor in descriptors { close(descriptor) } }
        let total = Monitor(Result())
        let start = ContinuousClock.now
        let end = start + plan.duration
        let threads = descriptors.enumerated().map { index, descriptor in
            DedicatedThread.start("batch-\(index)") { [self] in
                let request = request(index)
                var own = Result()
                repeat {
                    guard post(request, on: descriptor, into: &own) else {
                        own.errors += 1
                        break
                    }
                    own.batches += 1
                } while .now < end
                total.update { [own] sum in
                    sum.created += own.created
                    sum.errors += own.errors
                    sum.batches += own.batches
                }
            }
        }
        for thread in threads { thread.join() }
        var result = total.withLock { $0 }
        result.seconds = Double(start.duration(to: .now) / .milliseconds(1)) / 1000
        return result
    }

    private func connect() throws(LoadError) -> [Int32] {
        var descriptors: [Int32] = []
        for _ in 0..<plan.connections {
            let descriptor = try LoadSocket.connect(host: plan.host, port: plan.port)
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
            var limit = timeval(tv_sec: 60, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            descriptors.append(descriptor)
        }
        return descriptors
    }

    /// The same orders as single requests send, a line each.
    private func request(_ index: Int) -> [UInt8] {
        var template = OrderTemplate(host: "")
        var body: [UInt8] = []
        for line in 0..<lines {
            template.render(index * lines + line)
            body += template.body
            body.append(0x0A)
        }
        let head = """
            POST /orders/batch HTTP/1.1\r
            Host: \(plan.host):\(plan.port)\r
            Content-Type: application/x-ndjson\r
            Content-Length: \(body.count)\r
            \(plan.headers.map { "\($0.name): \($0.value)\r\n" }.joined())\r

            """
        return Array(head.utf8) + body
    }

    /// False where the answer doesn't come to its end.
    private func post(_ request: [UInt8], on descriptor: Int32, into result: inout Result) -> Bool {
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, request.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        var answer = BatchAnswerScanner()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while !answer.isOver {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return false }
            answer.scan(buffer[..<count])
        }
        result.created += answer.created
        result.errors += max(0, lines - answer.created)
        return true
    }
}

/// Counts lines that say 201 in an answer in chunks, wherever its pieces end.
struct BatchAnswerScanner {
    private static let line = Array(#""status":201}"#.utf8)
    private static let end = Array("\r\n0\r\n\r\n".utf8)
    private var lineMatch = 0
    private var endMatch = 0
    private(set) var created = 0
    private(set) var isOver = false

    mutating func scan(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes {
            // Neither text begins with what is inside of it but for its first byte.
            lineMatch = byte == Self.line[lineMatch] ? lineMatch + 1 : byte == Self.line[0] ? 1 : 0
            if lineMatch == Self.line.count {
                created += 1
                lineMatch = 0
            }
            endMatch = byte == Self.end[endMatch] ? endMatch + 1 : byte == Self.end[0] ? 1 : 0
            if endMatch == Self.end.count {
                isOver = true
                endMatch = 0
            }
        }
    }
}
