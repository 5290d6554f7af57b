import Glibc

/// One accepted socket and where its current request stands. Confined to its loop's thread.
final class ClientConnection {
    enum Phase {
        /// Between requests, or a request is arriving.
        case receiving
        /// A handler has the request. Nothing is read, the kernel's buffer is the bound; but for a body that is taken in
        /// pieces (`upload`).
        case answering
        /// An answer is sent as it is made: an event stream, or content of any type.
        case streaming
        /// The last answer is being sent.
        case closing
        /// Everything is sent and our side is shut; what still comes in is dropped, so that the answer isn't lost to
        /// a reset (RFC 9112 §9.6).
        case lingering
        case closed
    }

    let descriptor: Int32
    /// Where the loop keeps it.
    let slot: Int
    /// The slot and a generation: late news about an earlier connection in this slot is recognised.
    let token: UInt64
    let remote: SocketAddress
    /// False for one that is only told that it was turned away.
    let isCounted: Bool

    var phase = Phase.receiving
    var input = InputBuffer()
    var output = OutputBuffer()

    /// The socket may have bytes that weren't read (edge-triggered: epoll says so once).
    var isReadable = true
    /// Nothing is read because the client doesn't take its answers.
    var isHeldBack = false
    /// The peer has sent its last byte. It may be gone, or listen still: TCP can't tell.
    var isEnded = false

    var progress = RequestProgress()
    /// Which request is being answered.
    var serial: UInt64 = 0
    var stream: EventStreamCore?
    var streamFraming = StreamFraming.events
    /// The rest of a body that is taken in pieces.
    var upload: Upload?
    /// Who wants to know when the peer of the request that is being answered is gone.
    var peerObservers: [@Sendable () -> Void] = []

    // What the answer needs to know of its request.
    var route: Route?
    var method: HTTPMethod?
    var keepsAlive = true
    var saysKeepAlive = false
    /// An answer of unknown length can be sent in chunks.
    var knowsChunks = true
    var requestBytes = 0
    var startedAt: UInt64 = 0
    /// Fields of the answer besides its own and its route's.
    var answerFields: [HTTPHeader] = []
    /// What the observer gave to the request that is being answered.
    var observation: (any Sendable)?

    // Deadlines in nanoseconds of the monotonic clock.
    var readDeadline = UInt64.max
    var writeDeadline = UInt64.max
    var writing = WriteProgress()
    /// What of `output` the server's budget knows of.
    private var budgeted = 0

    /// While answers wait to be taken, an idle client isn't idle; and one that isn't read from can't finish a request.
    ///
    /// Nor has a client to take anything while it sends its body.
    var deadline: UInt64 {
        if let upload { return upload.deadline }
        if output.isEmpty { return readDeadline }
        return phase == .receiving && progress.hasBegun && !isHeldBack
            ? min(readDeadline, writeDeadline) : writeDeadline
    }
    var ticket: Mailbox.Ticket { Mailbox.Ticket(token: token, serial: serial) }

    init(descriptor: Int32, slot: Int, generation: UInt32, remote: SocketAddress, isCounted: Bool) {
        self.descriptor = descriptor
        self.slot = slot
        self.token = UInt64(generation) << 32 | UInt64(slot)
        self.remote = remote
        self.isCounted = isCounted
    }

    /// Asks the budget for room for an answer; what isn't needed goes back when it is sent.
    func reserve(_ count: Int, _ budget: OutputBudget) -> Bool {
        guard budget.reserve(count) else { return false }
        budgeted += count
        return true
    }

    /// Tells the budget what is held for this client now.
    func settleBudget(_ budget: OutputBudget, closed: Bool = false) {
        let held = closed ? 0 : output.heldBytes
        guard held != budgeted else { return }
        budget.change(by: held - budgeted)
        budgeted = held
    }

    func tellPeerObservers() {
        guard !peerObservers.isEmpty else { return }
        let observers = peerObservers
        peerObservers = []
        for observer in observers { observer() }
    }
}

/// How much of the current request has arrived.
struct RequestProgress {
    var scanner = HeadScanner()
    /// 0 until the head is complete.
    var headLength = 0
    var body = Body.none
    var bodyLimit = 0
    /// The request's first byte has arrived.
    var hasBegun = false
    /// The request line was found to be well-formed before the rest of the head arrived.
    var isRequestLineChecked = false
    /// One empty line before a request is ignored (RFC 9112 §2.2).
    var hasSkippedEmptyLine = false

    enum Body {
        case none
        case length(Int)
        case chunked(ChunkedDecoder)
    }
}
