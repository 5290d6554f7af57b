import CEpoll
import Execution
import Glibc
import Logging

/// One thread, one epoll instance, and the connections that were accepted here.
///
/// A connection never leaves its loop, so nothing about it needs a lock. Other threads only write to the mailbox.
/// Sockets are edge-triggered and registered once for everything; listeners are level-triggered, so that a paused one
/// goes on where it stopped.
///
/// `@unchecked Sendable`: what isn't immutable is touched by the loop's own thread alone, from `run` on; before, by
/// the thread that creates it. `deliver` is the only entrance for others and there uses only the mailbox.
final class EventLoop: @unchecked Sendable {
    let environment: ServerEnvironment
    let mailbox: Mailbox
    var streamLimit: Int { environment.configuration.limits.streamBytes }

    let epoll: Int32
    var listeners: [Int32]
    /// Given up to accept and turn away a connection when descriptors run out.
    var spareDescriptor: Int32
    var acceptsAgainAt = UInt64.max

    var connections: [ClientConnection?] = []
    var freeSlots: [Int] = []
    var generation: UInt32 = 0
    var openCount = 0
    var refusedLingering = 0

    var now: UInt64 = 0
    var wheel: TimerWheel
    var stopDeadline: UInt64?

    // Scratch memory of the request being served, reused for all.
    var scratch = OutputBuffer()
    var date = HTTPDate()
    let fields: UnsafeMutablePointer<HeaderField>
    let segments: UnsafeMutablePointer<PathSegments>
    /// What checks and handlers of the request have added to its answer.
    let answerFields: UnsafeMutablePointer<[HTTPHeader]>
    var events: [UInt8] = []

    /// The request whose handler is running, and what it was answered within.
    private(set) var current: Mailbox.Ticket?
    private var immediate: Answer?
    /// Messages from handlers on this thread: no need for the mailbox.
    private var local: [Mailbox.Message] = []
    private var incoming: [Mailbox.Message] = []
    /// Connections that have more to do but must let others go first.
    var unfinished: [UInt64] = []

    private var fired: [Int] = []

    static let tick: UInt64 = 20_000_000
    static let eventToken = UInt64.max
    /// Tokens from here on are listeners.
    static let listenerTokens = UInt64.max - 1024

    init(_ environment: ServerEnvironment, listeners: [Int32]) throws(HTTPServerError) {
        self.environment = environment
        mailbox = try Mailbox()
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw .system(call: "epoll_create1", errno: errno) }
        self.listeners = listeners
        spareDescriptor = Self.openSpare()
        now = Self.clock()
        wheel = TimerWheel(now: now / Self.tick)
        let limits = environment.configuration.limits
        fields = .allocate(capacity: limits.headerCount)
        segments = .allocate(capacity: 1)
        segments.initialize(to: PathSegments(pathLimit: limits.requestLineBytes))
        answerFields = .allocate(capacity: 1)
        answerFields.initialize(to: [])
    }

    deinit {
        answerFields.deinitialize(count: 1)
        answerFields.deallocate()
        segments.deinitialize(count: 1)
        segments.deallocate()
        fields.deallocate()
        if spareDescriptor >= 0 { Glibc.close(spareDescriptor) }
        Glibc.close(epoll)
    }

    /// Which loop the calling thread runs.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let code = pthread_key_create(&key, nil)
        precondition(code == 0, "out of thread-specific keys: error \(code)")
        return key
    }()

    private var isCurrent: Bool { pthread_getspecific(Self.key) == Unmanaged.passUnretained(self).toOpaque() }

    static func openSpare() -> Int32 { open("/dev/null", O_RDONLY | O_CLOEXEC) }

    static func clock() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    // MARK: The loop

    func run() {
        pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
        register(mailbox.eventDescriptor, token: Self.eventToken, events: EPOLLIN.rawValue | EPOLLET.rawValue)
        watchListeners()
        let ready = UnsafeMutablePointer<epoll_event>.allocate(capacity: 256)
        defer { ready.deallocate() }
        while !hasStopped {
            // EINTR (a process that was stopped and goes on, signal(7)) is a round without events.
            let count = epoll_wait(epoll, ready, 256, waitMilliseconds())
            now = Self.clock()
            date.refresh(Int(time(nil)))
            for index in 0..<max(0, Int(count)) { handle(ready[index].data.u64, ready[index].events) }
            readMailbox()
            runTimers()
            finishUnfinished()
            readLocal()
        }
        end()
    }

    private func handle(_ token: UInt64, _ events: UInt32) {
        if token == Self.eventToken {
            mailbox.acknowledge()
        } else if token >= Self.listenerTokens {
            accept(from: Int(token - Self.listenerTokens))
        } else if let connection = connection(token) {
            connection.handle(events, self)
        }
    }

    private func waitMilliseconds() -> Int32 {
        if !unfinished.isEmpty || !local.isEmpty { return 0 }
        var until = min(acceptsAgainAt, stopDeadline ?? .max)
        if let ticks = wheel.ticksToNext() { until = min(until, (now / Self.tick + ticks) * Self.tick) }
        if until == .max { return -1 }
        let current = Self.clock()
        return until <= current ? 0 : Int32(min((until - current) / 1_000_000 + 1, 60_000))
    }

    func register(_ descriptor: Int32, token: UInt64, events: UInt32) {
        var event = epoll_event(events: events, data: epoll_data_t(u64: token))
        // Fails only for want of kernel memory; then the connection times out.
        if epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0 {
            environment.logger.error("epoll_ctl failed", metadata: ["errno": "\(errno)"])
        }
    }

    // MARK: Answers

    /// Brings an answer to its connection, from any thread.
    func deliver(_ ticket: Mailbox.Ticket, _ answer: Answer) {
        let message = Mailbox.Message.answer(ticket, answer)
        if !isCurrent {
            if !mailbox.post(message) { discard(answer) }
        } else if current == ticket {
            immediate = answer
        } else {
            local.append(message)
        }
    }

    /// Has `body` called, on this loop's thread, once the client that asked is seen to send nothing more or to be gone;
    /// never after the answer. From any thread.
    func watchPeer(_ ticket: Mailbox.Ticket, _ body: @escaping @Sendable () -> Void) {
        let message = Mailbox.Message.watch(ticket, body)
        if isCurrent { local.append(message) } else if !mailbox.post(message) { body() }
    }

    /// Names who takes the body of a request. From any thread.
    func takeBody(_ ticket: Mailbox.Ticket, _ receiver: any BodyReceiver) {
        let message = Mailbox.Message.takeBody(ticket, receiver)
        if isCurrent { local.append(message) } else if !mailbox.post(message) { receiver.bodyBroke(.left) }
    }

    /// Goes on with the body of a request. From any thread.
    func resumeBody(_ ticket: Mailbox.Ticket) {
        let message = Mailbox.Message.resumeBody(ticket)
        if isCurrent { local.append(message) } else { _ = mailbox.post(message) }
    }

    /// Runs `handler` with `ticket` as the current request; returns the answer if it gave one.
    func collectingAnswer(to ticket: Mailbox.Ticket, _ handler: () -> Void) -> Answer? {
        current = ticket
        handler()
        current = nil
        defer { immediate = nil }
        return immediate
    }

    private func readMailbox() {
        mailbox.collect(into: &incoming)
        for message in incoming { take(message) }
        incoming.removeAll(keepingCapacity: true)
    }

    private func readLocal() {
        while !local.isEmpty {
            var messages: [Mailbox.Message] = []
            swap(&messages, &local)
            for message in messages { take(message) }
        }
    }

    private func take(_ message: Mailbox.Message) {
        switch message {
        case .answer(let ticket, let answer):
            guard let connection = connection(ticket.token), connection.serial == ticket.serial,
                connection.phase == .answering
            else { return discard(answer) }
            connection.complete(answer, self)
            connection.proceed(self)
        case .watch(let ticket, let body):
            guard let connection = connection(ticket.token) else { return body() }
            // Otherwise it was answered meanwhile.
            guard connection.serial == ticket.serial, connection.phase == .answering else { return }
            if connection.isEnded { body() } else { connection.peerObservers.append(body) }
        case .streamReady(let ticket):
            guard let connection = connection(ticket.token), connection.serial == ticket.serial else { return }
            connection.sendEvents(self)
            connection.proceed(self)
        case .takeBody(let ticket, let receiver):
            guard let connection = connection(ticket.token), connection.serial == ticket.serial else {
                return receiver.bodyBroke(.left)
            }
            connection.takeBody(by: receiver, self)
        case .resumeBody(let ticket):
            guard let connection = connection(ticket.token), connection.serial == ticket.serial else { return }
            connection.resumeBody(self)
        case .stop(let deadline):
            beginStop(deadline: deadline)
        }
    }

    private func discard(_ answer: Answer) {
        switch answer {
        case .stream(let core, _), .content(let core, _): core.disconnected()
        case .response, .dropped: break
        }
    }

    private func finishUnfinished() {
        guard !unfinished.isEmpty else { return }
        var tokens: [UInt64] = []
        swap(&tokens, &unfinished)
        for token in tokens { connection(token)?.proceed(self) }
    }

    // MARK: Timers

    private func runTimers() {
        if now >= acceptsAgainAt { resumeAccepting() }
        wheel.advance(to: now / Self.tick, fired: &fired)
        for slot in fired {
            guard let connection = connections[slot] else { continue }
            if connection.deadline <= now { connection.lookOnceMore(self) }
            guard connection.phase != .closed else { continue }
            if connection.deadline <= now { connection.timeOut(self) } else { setTimer(for: connection) }
        }
        fired.removeAll(keepingCapacity: true)
    }

    /// Makes sure that the wheel fires no later than the connection's deadline. Earlier is fine, see `TimerWheel`.
    func setTimer(for connection: ClientConnection) {
        let deadline = connection.deadline
        guard deadline != .max else { return }
        let tick = deadline / Self.tick + 1
        if let set = wheel.tick(of: connection.slot), set <= tick { return }
        wheel.schedule(connection.slot, at: tick)
    }

    // MARK: The end

    private var hasStopped: Bool {
        guard let stopDeadline else { return false }
        return openCount == 0 || now >= stopDeadline
    }

    /// Stops accepting, drops idle connections and lets the others finish until `deadline`.
    private func beginStop(deadline: UInt64) {
        stopDeadline = min(deadline, stopDeadline ?? .max)
        // Those who are in the queue have connected as far as they know.
        for index in listeners.indices { acceptAll(from: index) }
        closeListeners()
        for connection in connections { connection?.stop(self) }
    }

    private func end() {
        for connection in connections {
            if let connection { close(connection) }
        }
        mailbox.close()
        readLocal()
    }
}

/// What all loops of a server share.
struct ServerEnvironment: Sendable {
    let configuration: HTTPServerConfiguration
    let router: Router
    let observer: (any HTTPObserver)?
    let logger: Logger
    let census: ConnectionCensus
    let budget: OutputBudget
    /// The configured times in nanoseconds, converted once.
    let times: Times

    struct Times: Sendable {
        let head, body, upload, idle, write, linger, heartbeat: UInt64
        /// Bytes that a client has to take within `write`.
        let leastWritten: UInt64
        /// Bytes that a client has to send of a body within `body`, where it is taken in pieces.
        let leastReceived: UInt64

        init(_ timeouts: HTTPServerConfiguration.Timeouts) {
            head = Self.nanoseconds(timeouts.head)
            body = Self.nanoseconds(timeouts.body)
            upload = Self.nanoseconds(timeouts.upload)
            idle = Self.nanoseconds(timeouts.idle)
            write = Self.nanoseconds(timeouts.write)
            linger = Self.nanoseconds(timeouts.linger)
            heartbeat = Self.nanoseconds(timeouts.heartbeat)
            // Below 2^50, so that a multiple of it doesn't overflow either.
            leastWritten = UInt64(min(max(1, Double(write) / 1e9 * Double(timeouts.leastRate)), 0x1p50))
            leastReceived = UInt64(min(max(1, Double(body) / 1e9 * Double(timeouts.leastRate)), 0x1p50))
        }

        /// Clamped to a millisecond … a century, far from overflow.
        static func nanoseconds(_ duration: Duration) -> UInt64 {
            let clamped = duration.clamped(to: .milliseconds(1) ... .seconds(3_155_760_000))
            return UInt64(clamped.components.seconds) * 1_000_000_000
                + UInt64(clamped.components.attoseconds / 1_000_000_000)
        }
    }
}
