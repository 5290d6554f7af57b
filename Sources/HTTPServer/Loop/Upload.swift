/// The body of a request that is taken in pieces, as long as its end hasn't come.
struct Upload {
    enum Framing {
        case length(rest: Int)
        case chunked(ChunkedDecoder)
    }

    private(set) var framing: Framing
    let limit: Int
    /// Nil until the handler has named it: nothing is read meanwhile.
    var receiver: (any BodyReceiver)?
    private(set) var isPaused = false
    /// The client waits for 100 (Continue).
    var expectsContinue: Bool
    /// Bytes of content at the front of the input that the receiver has seen and left; -1 where it is to see them again.
    private var seen = -1

    // Nanoseconds of the monotonic clock.
    private let lastDeadline: UInt64
    private var windowDeadline = UInt64.max
    /// Bytes read in the present window.
    private var received = 0

    /// Bytes that a receiver may leave; those of the last read come on top.
    static let heldBytes = 64 << 10
    /// Asked of the socket at once.
    static let readBytes = 32 << 10

    init(_ head: RequestHead, limit: Int, until lastDeadline: UInt64) {
        framing = head.isChunked ? .chunked(ChunkedDecoder()) : .length(rest: head.contentLength ?? 0)
        self.limit = limit
        self.lastDeadline = lastDeadline
        expectsContinue = head.expectsContinue
    }

    /// Nothing of it is on its way.
    var isEmpty: Bool { if case .length(rest: 0) = framing { true } else { false } }

    /// Waiting for the client, and not for us.
    var isAwaited: Bool { receiver != nil && !isPaused }
    var deadline: UInt64 { isAwaited ? min(windowDeadline, lastDeadline) : .max }

    mutating func beginWindow(until deadline: UInt64) {
        windowDeadline = deadline
        received = 0
    }

    mutating func count(received bytes: Int) { received += bytes }

    /// Whether the client may go on after its window.
    func isWellUnderWay(least: UInt64, now: UInt64) -> Bool { UInt64(received) >= least && now < lastDeadline }

    mutating func resume(until deadline: UInt64) {
        isPaused = false
        seen = -1
        beginWindow(until: deadline)
    }

    /// How many bytes of content are at the front of `input`, and whether the body ends with them. Nil where the receiver
    /// has seen all of them already.
    mutating func content(
        in input: inout InputBuffer, _ limits: HTTPServerConfiguration.Limits
    ) throws(Refusal) -> (count: Int, isLast: Bool)? {
        var count = 0
        var isLast = false
        switch framing {
        case .length(let rest):
            count = min(rest, input.count)
            isLast = count == rest
        case .chunked(var decoder) where !input.isEmpty:
            let bytes = input.bytes
            isLast = try decoder.advance(bytes, count: input.count, bodyLimit: limit, limits: limits)
            if !isLast { input.dropLast(decoder.compact(bytes, count: input.count)) }
            count = decoder.decoded
            framing = .chunked(decoder)
        case .chunked: break
        }
        return count > seen && count > 0 || isLast ? (count, isLast) : nil
    }

    /// Takes out of `input` what the receiver has done with, and of a body that has ended all that belongs to it.
    mutating func remove(_ taken: BodyTaken, of content: (count: Int, isLast: Bool), from input: inout InputBuffer) {
        isPaused = taken.isPaused
        let hasEnded = content.isLast && !isPaused
        let dropped = hasEnded ? content.count : min(max(0, taken.count), content.count)
        switch framing {
        case .length(let rest):
            framing = .length(rest: rest - dropped)
            input.consume(dropped)
        case .chunked(var decoder):
            input.consume(hasEnded ? decoder.consumed : dropped)
            decoder.drop(dropped)
            framing = .chunked(decoder)
        }
        seen = content.count - dropped
    }
}
