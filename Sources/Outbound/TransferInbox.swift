import CEpoll
import Execution
import Glibc

/// What callers want to have sent, until the sending thread takes it. The first parcel after the thread looked writes its
/// eventfd; those that follow find that done.
final class TransferInbox: Sendable {
    struct Parcel: Sendable {
        let request: DeliveryRequest
        /// Until when there has to be an answer.
        let deadline: ContinuousClock.Instant
        let whenDone: @Sendable (Result<DeliveryAnswer, DeliveryFailure>) -> Void
    }

    /// What the sender was told.
    enum Order: Sendable {
        case send
        /// Nothing more is sent, and who asks is told so.
        case refuse
        /// Nobody can ask any more.
        case end
    }

    private struct State {
        var parcels: [Parcel] = []
        var order = Order.send
        var isWakePending = false
    }

    private let state = Monitor(State())
    /// Readable when there is something new.
    let descriptor: Int32

    init() throws(ConcurrentSenderError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw ConcurrentSenderError(call: "eventfd", errno: errno) }
    }

    deinit { Glibc.close(descriptor) }

    func post(_ parcel: Parcel) { change { $0.parcels.append(parcel) } }

    func tell(_ order: Order) { change { $0.order = order } }

    private func change(_ body: (inout State) -> Void) {
        let mustWake = state.withLock { state in
            body(&state)
            defer { state.isWakePending = true }
            return !state.isWakePending
        }
        guard mustWake else { return }
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    /// Resets the descriptor, where it is readable.
    func acknowledge() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
    }

    /// Takes what has come. Who has just posted may write the descriptor afterwards: that wakes the thread in vain, once.
    func collect() -> (parcels: [Parcel], order: Order) {
        state.withLock { state in
            state.isWakePending = false
            defer { state.parcels = [] }
            return (state.parcels, state.order)
        }
    }
}
