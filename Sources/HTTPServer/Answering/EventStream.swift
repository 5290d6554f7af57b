import Execution

/// A stream of server-sent events to one client (WHATWG HTML §9.2). Closes when the last reference goes.
public final class EventStream: Sendable {
    private let core: EventStreamCore

    init(_ core: EventStreamCore) { self.core = core }

    deinit { core.finish() }

    /// Queues one event, from any thread, without waiting. False when the client is gone or fell so far behind that
    /// the limit is reached; then it is disconnected, and comes back with `Last-Event-ID`.
    ///
    /// Line breaks in `data` are kept; in `event` and `id` they become spaces.
    @discardableResult
    public func send(event: String? = nil, id: String? = nil, data: [UInt8]) -> Bool {
        var frame = [UInt8]()
        frame.reserveCapacity(data.count + 64)
        if let event { Self.append(field: "event: ", event, to: &frame) }
        if let id { Self.append(field: "id: ", id, to: &frame) }
        Self.append(data: data, to: &frame)
        frame.append(0x0A)
        return core.enqueue(frame)
    }

    @discardableResult
    public func send(event: String? = nil, id: String? = nil, data: String) -> Bool {
        send(event: event, id: id, data: Array(data.utf8))
    }

    /// Sends what is queued and closes the connection.
    public func close() { core.finish() }

    /// False after `close` or when the client left.
    public var isOpen: Bool { core.isOpen }

    /// Runs `body` once when the client left or the server stops, not after `close`; at once when that happened
    /// before. It may run on a loop's thread and must not block.
    public func onDisconnect(_ body: @escaping @Sendable () -> Void) { core.onDisconnect(body) }

    private static func append(field: StaticString, _ value: String, to frame: inout [UInt8]) {
        frame.append(contentsOf: UnsafeBufferPointer(start: field.utf8Start, count: field.utf8CodeUnitCount))
        for byte in value.utf8 { frame.append(byte == 0x0A || byte == 0x0D || byte == 0 ? 0x20 : byte) }
        frame.append(0x0A)
    }

    /// A `data:` line for each line; CR LF, LF and CR end one.
    private static func append(data: [UInt8], to frame: inout [UInt8]) {
        frame.append(contentsOf: "data: ".utf8)
        var index = 0
        while index < data.count {
            let byte = data[index]
            if byte == 0x0A || byte == 0x0D {
                if byte == 0x0D, index + 1 < data.count, data[index + 1] == 0x0A { index += 1 }
                frame.append(contentsOf: "\ndata: ".utf8)
            } else {
                frame.append(byte)
            }
            index += 1
        }
        frame.append(0x0A)
    }
}

/// The queue between those who send events and the loop that has the connection.
final class EventStreamCore: Sendable {
    private struct State {
        var queue: [UInt8] = []
        /// The loop has been told, and will look.
        var isScheduled = false
        var isFinished = false
        var isDisconnected = false
        var hasOverflowed = false
        var observers: [@Sendable () -> Void] = []
    }

    private let state = Monitor(State())
    /// Nil where there is no connection.
    private let mailbox: Mailbox?
    private let ticket: Mailbox.Ticket
    private let limit: Int
    private let budget: OutputBudget

    /// One to nobody.
    static func closed() -> EventStreamCore {
        let core = EventStreamCore(
            mailbox: nil, ticket: Mailbox.Ticket(token: 0, serial: 0), limit: 0,
            budget: OutputBudget(HTTPServerConfiguration.Limits()))
        core.disconnected()
        return core
    }

    init(mailbox: Mailbox?, ticket: Mailbox.Ticket, limit: Int, budget: OutputBudget) {
        self.mailbox = mailbox
        self.ticket = ticket
        self.limit = limit
        self.budget = budget
    }

    deinit { state.withLock { clear(&$0) } }

    private func clear(_ state: inout State) {
        budget.change(by: -state.queue.count)
        state.queue = []
    }

    var isOpen: Bool { state.withLock { !$0.isFinished && !$0.isDisconnected && !$0.hasOverflowed } }

    func enqueue(_ frame: [UInt8]) -> Bool {
        let (isAccepted, mustTell) = state.withLock { state -> (Bool, Bool) in
            guard !state.isFinished, !state.isDisconnected, !state.hasOverflowed else { return (false, false) }
            if state.queue.count + frame.count > limit || budget.isExceeded(by: frame.count) {
                state.hasOverflowed = true
                clear(&state)
            } else {
                budget.change(by: frame.count)
                state.queue.append(contentsOf: frame)
            }
            defer { state.isScheduled = true }
            return (!state.hasOverflowed, !state.isScheduled || state.hasOverflowed)
        }
        if mustTell { tell() }
        return isAccepted
    }

    func finish() {
        let mustTell = state.withLock { state in
            guard !state.isFinished, !state.isDisconnected else { return false }
            state.isFinished = true
            state.observers = []
            return true
        }
        if mustTell { tell() }
    }

    func onDisconnect(_ body: @escaping @Sendable () -> Void) {
        let runNow = state.withLock { state in
            if state.isDisconnected { return true }
            if !state.isFinished { state.observers.append(body) }
            return false
        }
        if runNow { body() }
    }

    private func tell() {
        if mailbox?.post(.streamReady(ticket)) != true { disconnected() }
    }

    // MARK: The loop's side

    enum Next { case nothing, events, end }

    /// The client fell too far behind.
    var hasOverflowed: Bool { state.withLock { $0.hasOverflowed } }

    /// Takes what is queued into `events`, which must be empty. Only when everything taken before has been sent.
    func take(into events: inout [UInt8]) -> Next {
        state.withLock { state in
            state.isScheduled = false
            budget.change(by: -state.queue.count)
            swap(&events, &state.queue)
            if state.isFinished { return .end }
            return events.isEmpty ? .nothing : .events
        }
    }

    /// The connection is gone.
    func disconnected() {
        let observers = state.withLock { state -> [@Sendable () -> Void] in
            state.isDisconnected = true
            clear(&state)
            defer { state.observers = [] }
            return state.observers
        }
        for observer in observers { observer() }
    }
}
