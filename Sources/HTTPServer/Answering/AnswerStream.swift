/// The content of an answer that is made while it is sent. Ends with the last reference.
public final class AnswerStream: Sendable {
    private let core: EventStreamCore

    init(_ core: EventStreamCore) { self.core = core }

    deinit { core.finish() }

    /// Queues more of the content, from any thread, without waiting. False when the client is gone, or has left so much
    /// untaken that the stream's limit is reached; then it is cut off.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool { bytes.isEmpty || core.enqueue(bytes) }

    /// The content is whole once what is queued is sent; the connection goes on with the next request.
    public func finish() { core.finish() }

    /// False after `finish` or when the client left.
    public var isOpen: Bool { core.isOpen }
}

/// The head of an answer whose content comes later.
struct StreamedAnswer: Sendable {
    let status: HTTPStatus
    let contentType: String
    let headers: [HTTPHeader]
}

/// How the content of a streamed answer is told from what follows it.
enum StreamFraming {
    /// Server-sent events: ends with the connection.
    case events
    /// RFC 9112 §7.1.
    case chunked
    /// HTTP/1.0 knows no chunks: ends with the connection.
    case untilClose
}

extension OutputBuffer {
    /// The head of a streamed answer.
    mutating func append(
        _ answer: StreamedAnswer, _ framing: StreamFraming, of route: Route?, and fields: [HTTPHeader],
        persistence: Persistence, date: borrowing HTTPDate
    ) {
        appendStatusLine(answer.status)
        append(date)
        append("Content-Type: ")
        appendFieldValue(answer.contentType)
        append("\r\n")
        if framing == .chunked { append("Transfer-Encoding: chunked\r\n") }
        append(persistence)
        for header in answer.headers { append(header) }
        if let route { append(route.headers, unlessIn: answer.headers) }
        for field in fields { append(field) }
        append("\r\n")
    }

    /// A chunk; nothing for no content, which would be the last one.
    mutating func append(chunk bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        append(String(bytes.count, radix: 16))
        append("\r\n")
        append(bytes)
        append("\r\n")
    }
}
