import CEpoll
import Glibc
import Histogram

/// Sends orders over keep-alive connections and times the answers: one thread, one epoll instance, two system calls a
/// request, since it shares the machine with what it measures.
public final class LoadGenerator {
    private struct Connection {
        var descriptor: Int32
        /// When its request was sent (closed loop) or due (open loop), in nanoseconds; nil: idle.
        var startedAt: UInt64?
        /// The beginning of an answer that came in pieces.
        var partial: [UInt8] = []
    }

    private let plan: LoadPlan
    private var template: OrderTemplate
    private var connections: [Connection] = []
    private var idle: [Int] = []
    private var inFlight = 0
    private var sent = 0
    private var result = LoadResult()
    private let epoll: Int32
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private var measureFrom: UInt64 = 0
    private var end: UInt64 = 0
    private var start: UInt64 = 0

    public init(_ plan: LoadPlan) throws(LoadError) {
        self.plan = plan
        template = OrderTemplate(host: "\(plan.host):\(plan.port)", path: plan.path, headers: plan.headers)
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw .system(call: "epoll_create1", errno: errno) }
    }

    deinit {
        for connection in connections where connection.descriptor >= 0 { close(connection.descriptor) }
        close(epoll)
        scratch.deallocate()
    }

    /// Runs the plan once. Blocks the calling thread.
    /// - Parameter onMeasure: called when the warm-up is over.
    public func run(onMeasure: () -> Void = {}) throws(LoadError) -> LoadResult {
        for index in 0..<plan.connections {
            connections.append(Connection(descriptor: try LoadSocket.connect(host: plan.host, port: plan.port)))
            try watch(index)
            idle.append(index)
        }
        start = Self.now()
        measureFrom = start + Self.nanoseconds(plan.warmUp)
        end = measureFrom + Self.nanoseconds(plan.duration)
        let giveUp = end + Self.nanoseconds(plan.patience)
        var ready = [epoll_event](repeating: epoll_event(), count: 256)
        var isMeasuring = false
        while true {
            let now = Self.now()
            if !isMeasuring, now >= measureFrom {
                isMeasuring = true
                onMeasure()
            }
            let due = try sendDue(now)
            if inFlight == 0, due == nil { break }
            if now >= giveUp { break }
            let until = min(due ?? giveUp, isMeasuring ? giveUp : measureFrom, giveUp)
            let count = wait(until: until, &ready)
            for index in 0..<count { try receive(Int(ready[index].data.u64)) }
        }
        finish()
        return result
    }

    // MARK: Sending

    /// Sends what can be sent now. Returns when to look again: nil when nothing will be sent any more.
    private func sendDue(_ now: UInt64) throws(LoadError) -> UInt64? {
        guard let rate = plan.rate else {
            guard now < end, !isSpent else { return nil }
            while !isSpent, let index = idle.popLast() { try send(on: index, startedAt: now) }
            return end
        }
        while !isSpent {
            let due = start + UInt64(Double(sent) / rate * 1e9)
            if due >= end { return nil }
            if due > now { return due }
            // All connections are busy: the request waits, and its time counts from when it was due.
            guard let index = idle.popLast() else { return .max }
            try send(on: index, startedAt: due)
        }
        return nil
    }

    private var isSpent: Bool { plan.requests.map { sent >= $0 } ?? false }

    private func send(on index: Int, startedAt: UInt64) throws(LoadError) {
        if connections[index].descriptor < 0 {
            connections[index].descriptor = try LoadSocket.connect(host: plan.host, port: plan.port)
            try watch(index)
        }
        template.render(sent)
        sent += 1
        inFlight += 1
        connections[index].startedAt = startedAt
        let descriptor = connections[index].descriptor
        let written = template.bytes.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        // Some 200 bytes on an idle connection fit into its send buffer, or the connection is broken.
        if written != template.bytes.count { lose(index) }
    }

    // MARK: Receiving

    private func receive(_ index: Int) throws(LoadError) {
        let descriptor = connections[index].descriptor
        guard descriptor >= 0 else { return }
        let count = recv(descriptor, scratch.baseAddress, scratch.count, 0)
        if count <= 0 {
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            return lose(index)
        }
        let received = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch)[..<count])
        let outcome: AnswerScanner.Outcome
        if connections[index].partial.isEmpty {
            outcome = AnswerScanner.scan(received)
            if outcome == .incomplete { connections[index].partial.append(contentsOf: received) }
        } else {
            connections[index].partial.append(contentsOf: received)
            outcome = connections[index].partial.withUnsafeBytes { AnswerScanner.scan($0) }
        }
        switch outcome {
        case .incomplete: break
        case .strange: lose(index)
        case .complete(let status, _):
            connections[index].partial.removeAll(keepingCapacity: true)
            answered(index, status)
            // Closed loop: the next request goes out before the other answers are looked at.
            if plan.rate == nil { _ = try sendDue(Self.now()) }
        }
    }

    private func answered(_ index: Int, _ status: Int) {
        guard let startedAt = connections[index].startedAt else { return lose(index) }
        connections[index].startedAt = nil
        inFlight -= 1
        idle.append(index)
        result.statuses[status, default: 0] += 1
        let now = Self.now()
        let isMeasured = plan.rate == nil ? now >= measureFrom && now < end : startedAt >= measureFrom
        guard isMeasured, (200..<300).contains(status) else { return }
        result.measured += 1
        record(now - startedAt)
    }

    private func record(_ nanoseconds: UInt64) {
        let microseconds = min((nanoseconds + 500) / 1000, result.latency.highestTrackableValue)
        result.latency.record(max(1, microseconds))
    }

    /// The connection broke, or what came over it is no answer.
    private func lose(_ index: Int) {
        if connections[index].startedAt != nil {
            result.unknown += 1
            inFlight -= 1
            connections[index].startedAt = nil
            idle.append(index)
        }
        // Closing takes it out of epoll; the next request connects anew.
        close(connections[index].descriptor)
        connections[index].descriptor = -1
        connections[index].partial = []
    }

    // MARK: Time

    private func finish() {
        result.seconds = Double(min(Self.now(), end) - min(measureFrom, end)) / 1e9
        if let rate = plan.rate {
            // The time that was planned: answers that came late belong to it.
            let planned = Double(end - start) / 1e9 * rate
            let due = min(plan.requests ?? .max, Int(planned))
            result.unsent = max(0, due - sent)
            if plan.requests == nil { result.seconds = Double(end - measureFrom) / 1e9 }
        }
        result.unknown += inFlight
    }

    private func watch(_ index: Int) throws(LoadError) {
        var event = epoll_event(
            events: EPOLLIN.rawValue | EPOLLRDHUP.rawValue, data: epoll_data_t(u64: UInt64(index)))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, connections[index].descriptor, &event) == 0 else {
            throw .system(call: "epoll_ctl", errno: errno)
        }
    }

    private func wait(until: UInt64, _ ready: inout [epoll_event]) -> Int {
        let now = Self.now()
        let left = until > now ? until - now : 0
        // epoll_wait counts milliseconds; the due times of an open loop lie closer together.
        var time = timespec(tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
        return max(0, Int(epoll_pwait2(epoll, &ready, Int32(ready.count), &time, nil)))
    }

    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        UInt64(max(duration, .zero) / .nanoseconds(1))
    }
}
