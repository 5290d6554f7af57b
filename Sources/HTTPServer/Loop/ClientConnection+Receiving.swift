import CEpoll

/// From bytes to a request in a handler's hands.
extension ClientConnection {
    /// So many requests of one connection are served before others get their turn.
    private static var requestsInARow: Int { 64 }
    /// Answers to pipelined requests are gathered up to here and sent together.
    private static var gatheredBytes: Int { 64 << 10 }

    /// What epoll reported.
    func handle(_ events: UInt32, _ loop: EventLoop) {
        assert(loop.scratch.isEmpty, "bytes of another connection")
        // Both directions are shut, or a reset: nobody is there to answer.
        if events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { return loop.close(self) }
        if events & EPOLLRDHUP.rawValue != 0 {
            isReadable = true
            isEnded = true
            if phase == .answering { tellPeerObservers() }
        } else if events & EPOLLIN.rawValue != 0 {
            isReadable = true
        }
        if events & EPOLLOUT.rawValue != 0, !output.isEmpty { sendPending(loop) }
        proceed(loop)
    }

    /// Reads before a client is blamed for what it hasn't sent: the loop may have been stopped or kept busy since epoll
    /// was asked, and one round reports so many sockets and no more.
    func lookOnceMore(_ loop: EventLoop) {
        guard upload?.isAwaited ?? (phase == .receiving && !isHeldBack) else { return }
        isReadable = true
        proceed(loop)
    }

    /// Does whatever can be done now, sends what came of it, and sets the timer.
    func proceed(_ loop: EventLoop) {
        switch phase {
        case .receiving: receive(loop)
        case .lingering: discardInput(loop)
        case .answering where upload != nil, .streaming where upload != nil: receiveBody(loop)
        // A client that shuts its side while it listens to events has left.
        case .streaming where isEnded && streamFraming == .events: return loop.close(self)
        case .answering, .streaming, .closing, .closed: break
        }
        settle(loop)
    }

    /// The end of every turn: whatever was rendered is sent, memory that isn't needed is given back.
    func settle(_ loop: EventLoop) {
        guard phase != .closed else { return }
        sendScratch(loop)
        guard phase != .closed else { return }
        input.releaseIfEmpty()
        loop.setTimer(for: self)
    }

    private func receive(_ loop: EventLoop) {
        let limits = loop.environment.configuration.limits
        let budget = loop.environment.budget
        var served = 0
        while phase == .receiving {
            let isTight = budget.isExceeded()
            if loop.scratch.count >= (isTight ? 1 : Self.gatheredBytes) { sendScratch(loop) }
            guard phase == .receiving else { return }
            isHeldBack = output.count > limits.unsentBytes || isTight && !output.isEmpty
            if isHeldBack { return }
            if !input.isEmpty {
                do throws(Refusal) {
                    if try advance(loop, limits) {
                        served += 1
                        if served >= Self.requestsInARow, phase == .receiving, !input.isEmpty || isReadable {
                            loop.unfinished.append(token)
                            return
                        }
                        continue
                    }
                } catch {
                    return refuse(error, loop)
                }
            }
            guard isReadable else { return }
            switch input.receive(from: descriptor) {
            // After the peer's last byte there is no further event: read until the end is seen.
            case .received(_, let drained): if drained, !isEnded { isReadable = false }
            case .wouldBlock: isReadable = false
            case .failed: return loop.close(self)
            case .end:
                isReadable = false
                isEnded = true
                guard input.isEmpty, !progress.hasBegun else {
                    return refuse(Refusal(.badRequest, "the request ended early"), loop)
                }
                return closeWhenSent(loop)
            }
        }
    }

    /// Goes on with the current request. True when a handler got it or it was answered here; false when more bytes
    /// are needed.
    private func advance(_ loop: EventLoop, _ limits: HTTPServerConfiguration.Limits) throws(Refusal) -> Bool {
        if progress.headLength == 0 {
            guard skipEmptyLine() else { return false }
            if !progress.hasBegun {
                progress.hasBegun = true
                readDeadline = loop.now + loop.environment.times.head
            }
            guard let length = try progress.scanner.advance(input.bytes, count: input.count, limits: limits) else {
                try checkEarly()
                return false
            }
            let head = try parseHead(loop, length: length)
            requestBytes = length
            startedAt = loop.now
            method = head.method
            keepsAlive = head.keepsAlive
            saysKeepAlive = head.needsKeepAliveHeader
            knowsChunks = !head.isVersion10
            progress.headLength = length
            do throws(HTTPProblem) {
                answerFields = try loop.environment.configuration.site.judge(
                    head, HeaderFields(input.bytes, loop.fields, count: head.fieldCount))
            } catch {
                answerHere(error.response, hasBody: head.hasBody, loop)
                return true
            }
            guard let route = try findRoute(head, loop) else { return true }
            self.route = route
            if let limit = route.streamedBodyLimit {
                guard head.contentLength ?? 0 <= limit else {
                    throw Refusal(.contentTooLarge, "the body is too large")
                }
                upload = Upload(head, limit: limit, until: loop.now + loop.environment.times.upload)
                dispatch(head, bodyLength: 0, requestLength: length, loop)
                return true
            }
            progress.bodyLimit = min(route.bodyLimit ?? .max, limits.bodyBytes)
            if !head.hasBody {
                dispatch(head, bodyLength: 0, requestLength: length, loop)
                return true
            }
            if let contentLength = head.contentLength {
                guard contentLength <= progress.bodyLimit else {
                    throw Refusal(.contentTooLarge, "the body is too large")
                }
                progress.body = .length(contentLength)
            } else {
                progress.body = .chunked(ChunkedDecoder())
            }
            readDeadline = loop.now + loop.environment.times.body
            if head.expectsContinue, input.count == length { loop.scratch.append("HTTP/1.1 100 Continue\r\n\r\n") }
            guard let (bodyLength, requestLength) = try receiveBody(limits) else { return false }
            dispatch(head, bodyLength: bodyLength, requestLength: requestLength, loop)
            return true
        }
        guard let (bodyLength, requestLength) = try receiveBody(limits) else { return false }
        // Other requests have used the loop's tables since; parsing again is cheaper than tables for each connection.
        let head = try parseHead(loop, length: progress.headLength)
        guard try findRoute(head, loop) != nil else { return true }
        dispatch(head, bodyLength: bodyLength, requestLength: requestLength, loop)
        return true
    }

    /// False when it isn't known yet whether there is one.
    private func skipEmptyLine() -> Bool {
        guard !progress.hasSkippedEmptyLine, !progress.hasBegun, input.bytes[0] == 0x0D else { return true }
        guard input.count >= 2 else { return false }
        guard input.bytes[1] == 0x0A else { return true }
        progress.hasSkippedEmptyLine = true
        input.consume(2)
        return !input.isEmpty
    }

    /// Nonsense is answered at once, not after the time limit: a TLS greeting, a malformed request line.
    private func checkEarly() throws(Refusal) {
        guard !progress.isRequestLineChecked else { return }
        if progress.scanner.lineCount > 0 {
            _ = try RequestHead(requestLine: input.bytes, length: progress.scanner.requestLineLength)
            progress.isRequestLineChecked = true
        } else if !ByteSet.token.contains(input.bytes[0]) {
            throw Refusal(.badRequest, "the method is malformed")
        }
    }

    private func parseHead(_ loop: EventLoop, length: Int) throws(Refusal) -> RequestHead {
        try RequestHead(
            input.bytes, length: length, requestLineLength: progress.scanner.requestLineLength, fields: loop.fields)
    }

    /// The route; nil when the request was answered here.
    private func findRoute(_ head: RequestHead, _ loop: EventLoop) throws(Refusal) -> Route? {
        guard let method = head.method else { throw Refusal(.notImplemented, "the method isn't known here") }
        if head.isAsteriskForm {
            answerHere(HTTPResponse(.noContent), hasBody: head.hasBody, loop)
            return nil
        }
        try loop.segments.pointee.split(
            UnsafeBufferPointer(start: input.bytes + head.targetStart, count: head.pathLength))
        switch loop.environment.router.match(method, loop.segments.pointee) {
        case .route(let route): return route
        case .otherMethods(let allow):
            let header = HTTPHeader("Allow", allow)
            let response =
                method == .options
                ? HTTPResponse(
                    .noContent, headers: [header] + loop.environment.configuration.site.preflight(allow))
                : HTTPProblem(.methodNotAllowed, detail: "allowed here: \(allow)", headers: [header]).response
            answerHere(response, hasBody: head.hasBody, loop)
        case .none:
            answerHere(
                HTTPProblem(.notFound, detail: "nothing is served at this path").response, hasBody: head.hasBody, loop)
        }
        return nil
    }

    /// Answers without a handler. A body that nobody reads ends the connection: its end would have to be waited for.
    private func answerHere(_ response: HTTPResponse, hasBody: Bool, _ loop: EventLoop) {
        if hasBody { keepsAlive = false }
        route = nil
        input.consume(progress.headLength)
        complete(.response(response), loop)
    }

    /// The decoded body's length and the request's, once both are here.
    private func receiveBody(
        _ limits: HTTPServerConfiguration.Limits
    ) throws(Refusal) -> (bodyLength: Int, requestLength: Int)? {
        let head = progress.headLength
        switch progress.body {
        case .none: return (0, head)
        case .length(let length): return input.count - head >= length ? (length, head + length) : nil
        case .chunked(var decoder):
            let body = input.bytes + head
            let isComplete = try decoder.advance(
                body, count: input.count - head, bodyLimit: progress.bodyLimit, limits: limits)
            if !isComplete { input.dropLast(decoder.compact(body, count: input.count - head)) }
            progress.body = .chunked(decoder)
            return isComplete ? (decoder.decoded, head + decoder.consumed) : nil
        }
    }

    private func dispatch(_ head: RequestHead, bodyLength: Int, requestLength: Int, _ loop: EventLoop) {
        guard let route, let method else { preconditionFailure("a request without a route was dispatched") }
        requestBytes = requestLength
        phase = .answering
        readDeadline = .max
        serial += 1
        let answer = loop.collectingAnswer(to: ticket) {
            let exchange = Exchange(to: .connection(loop, ticket))
            var request = HTTPRequest(
                method: method, bytes: input.bytes, head: head, fields: loop.fields,
                body: UnsafeRawBufferPointer(start: input.bytes + progress.headLength, count: bodyLength),
                route: route, segments: loop.segments,
                remoteAddress: loop.environment.configuration.proxies.client(
                    of: remote, HeaderFields(input.bytes, loop.fields, count: head.fieldCount)),
                answerFields: loop.answerFields)
            if let observer = loop.environment.observer {
                observation = observer.requestBegins(request)
                request.observation = observation
            }
            do {
                try route.serve(&request, Responder(exchange))
            } catch {
                let problem = route.problem(error)
                if problem == nil {
                    loop.environment.logger.error(
                        "handler_failed", metadata: ["route": "\(route.template)", "error": "\(error)"])
                }
                let answer = problem ?? HTTPProblem(.internalServerError)
                if exchange.claim() { exchange.deliver(.response(answer.response)) }
            }
        }
        input.consume(requestLength)
        if !loop.answerFields.pointee.isEmpty {
            answerFields += loop.answerFields.pointee
            loop.answerFields.pointee.removeAll(keepingCapacity: true)
        }
        if let answer { complete(answer, loop) }
    }
}
