/// Takes the body of a request in pieces as they arrive, on a route that streams its body (`Middleware.streamedBody`).
///
/// Its socket is read no further than the receiver takes: one that is paused holds its client back by TCP's own window.
public protocol BodyReceiver: AnyObject, Sendable {
    /// Takes bytes of the body, on an event loop's thread; must not block.
    ///
    /// What it leaves comes again, with more behind it; so with 64 KiB before it it has to take some, unless it pauses.
    /// After `isLast` what it leaves is dropped, unless it pauses. Nothing comes after that.
    ///
    /// - Parameters:
    ///   - bytes: valid during the call.
    ///   - isLast: whether the body ends with them; it may do so with none.
    func receive(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> BodyTaken

    /// The body will not come to its end. Called at most once, in place of everything else, from any thread; must not
    /// block. The request may be answered still, by who has it; its connection closes then.
    func bodyBroke(_ reason: BodyFailure)
}

/// What a receiver has done with the bytes that it was given.
public struct BodyTaken: Sendable {
    /// How many it has done with, from the front.
    let count: Int
    /// Whether nothing shall come before `Responder.resumeBody`.
    let isPaused: Bool

    public init(_ count: Int, pausing isPaused: Bool = false) {
        self.count = count
        self.isPaused = isPaused
    }
}

/// Why a body didn't come to its end.
public enum BodyFailure: Sendable, Hashable {
    /// The client is gone, or has shut its side before the end.
    case left
    /// It sent less than the least rate, or the whole took too long.
    case timeout
    /// Beyond the route's limit.
    case tooLarge
    /// Its framing can't be read.
    case malformed
    /// The server stops.
    case stopping
}
