/// Posts bodies to the servers of others, many at once, none of which can be trusted to answer, to answer soon or to be
/// where it says.
package protocol DeliverySender: Sendable {
    /// Begins to send and returns at once; never blocks. `whenDone` is called exactly once for each request, also when
    /// the sender is stopped, on a thread of the sender's: it must not block either.
    func send(
        _ request: DeliveryRequest,
        whenDone: @escaping @Sendable (Result<DeliveryAnswer, DeliveryFailure>) -> Void)

    /// Cuts off what is under way; it ends as `.stopped`, and so does what is sent later.
    func stop()
}

/// One POST.
package struct DeliveryRequest: Sendable {
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// For the whole call, resolving and connecting included.
    package var timeout: Duration

    package init(url: String, headers: [(name: String, value: String)], body: [UInt8], timeout: Duration) {
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
    }
}

/// What a server has answered, whatever its status. A redirect is an answer like any other: nobody follows it.
package struct DeliveryAnswer: Sendable {
    package var status: Int
    /// `Retry-After` in either of its forms (RFC 9110 §10.2.3), never negative; nil without one that can be read.
    package var retryAfter: Duration?
    /// The beginning of the body, for a person to read.
    package var body: [UInt8]

    package init(status: Int, retryAfter: Duration? = nil, body: [UInt8] = []) {
        self.status = status
        self.retryAfter = retryAfter
        self.body = body
    }
}

/// Why there is no answer. The text says it in a few words, with names and numbers, to the owner of the endpoint.
package enum DeliveryFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The URL, or the address that its name stands for, is none that may be called.
    case refused(String)
    case unresolved(String)
    case unreachable(String)
    case tls(String)
    case timedOut(String)
    /// The server had begun to answer, or had taken the request, and closed.
    case cut(String)
    /// Our own process ends.
    case stopped

    package var description: String {
        switch self {
        case .refused(let reason): "refused: \(reason)"
        case .unresolved(let reason): "no address: \(reason)"
        case .unreachable(let reason): "no connection: \(reason)"
        case .tls(let reason): "TLS: \(reason)"
        case .timedOut(let reason): "timed out: \(reason)"
        case .cut(let reason): "cut off: \(reason)"
        case .stopped: "stopped"
        }
    }
}
