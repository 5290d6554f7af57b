import CEpoll
import Glibc
import Execution

/// What other threads tell a loop. The first message after the loop looked writes its eventfd; those that follow find
/// that done. Within `Responder.batch` even the first waits for the end of the batch.
final class Mailbox: Sendable {
    /// A request that was handed to a handler: its connection, and which of its requests.
    struct Ticket: Sendable, Equatable {
        let token: UInt64
        let serial: UInt64
    }

    enum Message: Sendable {
        case answer(Ticket, Answer)
        case streamReady(Ticket)
        /// Wants to be told when the client of this request is gone.
        case watch(Ticket, @Sendable () -> Void)
        case takeBody(Ticket, any BodyReceiver)
        case resumeBody(Ticket)
        /// `deadline` in nanoseconds of the monotonic clock.
        case stop(deadline: UInt64)
    }

    private struct State {
        var messages: [Message] = []
        var isWakePending = false
        var isClosed = false
    }

    private let state = Monitor(State())
    /// Closed with the last reference: a responder may outlive the loop, and must not write to someone else's file.
    let eventDescriptor: Int32

    init() throws(HTTPServerError) {
        eventDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard eventDescriptor >= 0 else { throw .system(call: "eventfd", errno: errno) }
    }

    deinit { Glibc.close(eventDescriptor) }

    /// False when the loop has ended: nobody will read the message.
    func post(_ message: Message) -> Bool {
        let batch = WakeBatch.current
        let (isOpen, mustWake) = state.withLock { state -> (Bool, Bool) in
            guard !state.isClosed else { return (false, false) }
            state.messages.append(message)
            guard batch == nil, !state.isWakePending else { return (true, false) }
            state.isWakePending = true
            return (true, true)
        }
        if isOpen, let batch { batch.touched(self) }
        if mustWake { wake() }
        return isOpen
    }

    /// The end of a batch: wakes the loop unless it took the messages already or is being woken.
    func wakeIfNeeded() {
        let mustWake = state.withLock { state in
            guard !state.messages.isEmpty, !state.isWakePending, !state.isClosed else { return false }
            state.isWakePending = true
            return true
        }
        if mustWake { wake() }
    }

    /// Swaps the messages into `messages`, which must be empty.
    func collect(into messages: inout [Message]) {
        state.withLock { state in
            guard !state.messages.isEmpty || state.isWakePending else { return }
            state.isWakePending = false
            swap(&state.messages, &messages)
        }
    }

    /// No message is taken any more.
    func close() {
        state.withLock {
            $0.isClosed = true
            $0.messages = []
        }
    }

    /// Resets the eventfd.
    func acknowledge() {
        var count: UInt64 = 0
        _ = read(eventDescriptor, &count, 8)
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(eventDescriptor, &one, 8)
    }
}
