import Synchronization

/// Answers one request, once, from any thread, now or later. Further answers are ignored, and so are answers to a
/// connection that is gone. A request whose responder is dropped without an answer gets a 500.
public struct Responder: Sendable {
    private let exchange: Exchange

    init(_ exchange: Exchange) { self.exchange = exchange }

    /// Of a request that came by no connection: one part of the program asks another one what a client would. `answer` is
    /// called once, from any thread, with a 500 where the last copy goes without having answered. There is no stream to
    /// such a caller: it is closed from the start, and the answer is a 500.
    package init(answering answer: @escaping @Sendable (HTTPResponse) -> Void) {
        exchange = Exchange(to: .caller(answer))
    }

    public func send(_ response: HTTPResponse) {
        if exchange.claim() { exchange.deliver(.response(response)) }
    }

    public func send(_ problem: HTTPProblem) {
        if exchange.claim() { exchange.deliver(.response(problem.response)) }
    }

    /// Answers 200 and keeps the connection open for server-sent events. To a request that was answered before, the
    /// stream is closed from the start.
    public func stream(headers: [HTTPHeader] = []) -> EventStream {
        let isFirst = exchange.claim()
        guard case .connection(let loop, let ticket) = exchange.receiver else {
            if isFirst { exchange.deliver(.dropped) }
            return EventStream(.closed())
        }
        let core = EventStreamCore(
            mailbox: loop.mailbox, ticket: ticket, limit: loop.streamLimit, budget: loop.environment.budget)
        if isFirst { exchange.deliver(.stream(core, headers)) } else { core.disconnected() }
        return EventStream(core)
    }

    /// Begins an answer whose content is made while it is sent; `AnswerStream.write` brings it. To a request that was
    /// answered before, the stream is closed from the start.
    ///
    /// - Parameter limit: bytes of content that may wait for the client. While its own body is still on the way it need
    ///   not take any of them: one that writes everything before it reads isn't cut off below the limit.
    public func stream(
        _ status: HTTPStatus, contentType: String, headers: [HTTPHeader] = [], limit: Int
    ) -> AnswerStream {
        let isFirst = exchange.claim()
        guard case .connection(let loop, let ticket) = exchange.receiver else {
            if isFirst { exchange.deliver(.dropped) }
            return AnswerStream(.closed())
        }
        let core = EventStreamCore(
            mailbox: loop.mailbox, ticket: ticket, limit: limit, budget: loop.environment.budget)
        if isFirst {
            let head = StreamedAnswer(status: status, contentType: contentType, headers: headers)
            exchange.deliver(.content(core, head))
        } else {
            core.disconnected()
        }
        return AnswerStream(core)
    }

    /// Names who takes the request's body, on a route that streams it: once, from any thread, before or after the answer
    /// is begun. Until then nothing of it is read. A client that waits for 100 (Continue) gets it now.
    public func takeBody(by receiver: any BodyReceiver) {
        if case .connection(let loop, let ticket) = exchange.receiver { loop.takeBody(ticket, receiver) }
    }

    /// Has a receiver that has paused get what comes next, from any thread.
    public func resumeBody() {
        if case .connection(let loop, let ticket) = exchange.receiver { loop.resumeBody(ticket) }
    }

    /// Has `body` called once, unless the request is answered before, when its client is gone or has shut its side of the
    /// connection. A client that only did the latter still gets an answer, but nothing should be kept waiting for it: end
    /// the wait and answer what there is. `body` may run on a loop's thread and must not block; from any thread.
    public func onPeerEnded(_ body: @escaping @Sendable () -> Void) {
        guard !exchange.isClaimed, case .connection(let loop, let ticket) = exchange.receiver else { return }
        // What waits for the client must not keep a dropped responder from being noticed.
        loop.watchPeer(ticket) { [weak exchange] in
            if let exchange, !exchange.isClaimed { body() }
        }
    }

    /// Answers that `body` sends from this thread wake each event loop once, at the end, instead of whenever a loop
    /// has gone back to sleep: for a database commit that completes hundreds of requests.
    public static func batch<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try WakeBatch.run(body)
    }
}

/// What is sent for a request.
enum Answer: Sendable {
    case response(HTTPResponse)
    case stream(EventStreamCore, [HTTPHeader])
    case content(EventStreamCore, StreamedAnswer)
    /// The last responder was dropped without an answer.
    case dropped
}

/// The one state that all copies of a responder share.
final class Exchange: Sendable {
    /// Who gets the answer.
    enum Receiver: Sendable {
        case connection(EventLoop, Mailbox.Ticket)
        case caller(@Sendable (HTTPResponse) -> Void)
    }

    let receiver: Receiver
    private let isAnswered = Atomic(false)

    init(to receiver: Receiver) { self.receiver = receiver }

    deinit {
        if !isClaimed { deliver(.dropped) }
    }

    var isClaimed: Bool { isAnswered.load(ordering: .acquiring) }

    /// True for the first caller, who then answers.
    func claim() -> Bool { !isAnswered.exchange(true, ordering: .acquiringAndReleasing) }

    func deliver(_ answer: Answer) {
        switch (receiver, answer) {
        case (.connection(let loop, let ticket), _): loop.deliver(ticket, answer)
        case (.caller(let answer), .response(let response)): answer(response)
        case (.caller(let answer), .stream), (.caller(let answer), .content), (.caller(let answer), .dropped):
            answer(HTTPProblem(.internalServerError).response)
        }
    }
}
