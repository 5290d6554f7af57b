import Synchronization

/// What the tasks of a run tell it. Any task posts; the run alone takes, all that has come at once.
final class Mailbox: Sendable {
    enum Event: Sendable {
        /// A field's resolver has ended.
        case resolved(slot: Int, Output)
        /// A loader's call has ended: a `LoadAnswer` of its kind.
        case loaded(batch: Int, any Sendable)
        case fieldsExpired(slots: [Int], after: Duration)
        case batchExpired(batch: Int, after: Duration)
        /// The whole request's time is over.
        case requestExpired(after: Duration)
        /// Nobody waits for the answer any more.
        case cancelled
    }

    private struct State {
        var events: [Event] = []
        var waiter: CheckedContinuation<[Event], Never>?
    }

    private let state = Mutex(State())

    func post(_ event: Event) {
        let waiter = state.withLock { state in
            guard let waiter = state.waiter else {
                state.events.append(event)
                return nil as CheckedContinuation<[Event], Never>?
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: [event])
    }

    /// Waits until there is one.
    func take() async -> [Event] {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state in
                let events = state.events
                state.events = []
                if events.isEmpty { state.waiter = continuation }
                return events
            }
            if !ready.isEmpty { continuation.resume(returning: ready) }
        }
    }
}
