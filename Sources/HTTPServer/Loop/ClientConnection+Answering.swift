import Glibc

/// From an answer to bytes on the wire, and how a connection ends.
extension ClientConnection {
    /// Renders the answer to the current request into the loop's scratch buffer, which the caller sends by `settle`.
    func complete(_ answer: Answer, _ loop: EventLoop) {
        switch answer {
        case .response(let response): finish(response, loop)
        case .dropped:
            loop.environment.logger.error("request_unanswered", metadata: ["route": "\(route?.template ?? "")"])
            finish(HTTPProblem(.internalServerError).response, loop)
        case .stream(let core, let headers): open(core, headers, loop)
        case .content(let core, let answer): open(core, answer, loop)
        }
    }

    private func finish(_ response: HTTPResponse, _ loop: EventLoop) {
        peerObservers = []
        var response = response
        // Nobody reads the rest of a body whose request is answered, and its end would have to be waited for.
        if let upload {
            if !upload.isEmpty { keepsAlive = false }
            self.upload = nil
        }
        // What has been done for a POST must be told, and its answer is no larger than what it sent.
        if method == .get, response.body.count > OutputBudget.smallAnswer,
            !reserve(response.body.count, loop.environment.budget)
        {
            response = OutputBudget.exceeded.response
        }
        let staysOpen = keepsAlive && loop.stopDeadline == nil
        let before = loop.scratch.count
        loop.scratch.append(
            response, of: route, and: answerFields, isHead: method == .head,
            persistence: staysOpen ? (saysKeepAlive ? .keepAliveSaid : .keepAlive) : .close, date: loop.date)
        report(response.status, bytes: loop.scratch.count - before, loop)
        progress = RequestProgress()
        route = nil
        answerFields = []
        if staysOpen {
            phase = .receiving
            readDeadline = loop.now + loop.environment.times.idle
        } else {
            phase = .closing
            readDeadline = .max
        }
    }

    private func report(_ status: HTTPStatus, bytes: Int, _ loop: EventLoop) {
        guard let observer = loop.environment.observer else { return }
        observer.requestFinished(
            FinishedHTTPRequest(
                route: route?.template, method: method, status: status.rawValue,
                nanoseconds: startedAt == 0 ? 0 : EventLoop.clock() - startedAt, requestBytes: requestBytes,
                responseBytes: bytes, observation: observation))
        observation = nil
    }

    /// Answers a request that isn't understood or isn't wanted, and closes: where the next one starts isn't known.
    func refuse(_ refusal: Refusal, _ loop: EventLoop) {
        loop.environment.logger.debug(
            "request_refused",
            metadata: [
                "status": "\(refusal.status.rawValue)", "detail": "\(refusal.detail)", "peer": "\(remote)",
            ])
        if progress.headLength == 0 {
            // HEAD has no content even where no more than that was understood (RFC 9110 §9.3.2).
            method = input.beginsWith("HEAD ") ? .head : nil
            startedAt = 0
            requestBytes = input.count
            route = nil
        }
        keepsAlive = false
        finish(refusal.response, loop)
    }

    /// Tells a connection beyond a cap so.
    func turnAway(_ refusal: ConnectionRefusal, _ loop: EventLoop) {
        let problem =
            refusal == .connectionsPerAddress
            ? HTTPProblem(
                .tooManyRequests, detail: "too many connections from this address",
                headers: [HTTPHeader("Retry-After", "1")])
            : EventLoop.overloaded
        loop.scratch.append(problem.response, of: nil, isHead: false, persistence: .close, date: loop.date)
        phase = .closing
        settle(loop)
    }

    // MARK: Event streams

    private func open(_ core: EventStreamCore, _ headers: [HTTPHeader], _ loop: EventLoop) {
        peerObservers = []
        let before = loop.scratch.count
        loop.scratch.appendStreamHead(headers, of: route, and: answerFields, date: loop.date)
        report(.ok, bytes: loop.scratch.count - before, loop)
        progress = RequestProgress()
        answerFields = []
        if method == .head || isEnded || loop.stopDeadline != nil {
            phase = .closing
            core.disconnected()
            return
        }
        phase = .streaming
        stream = core
        streamFraming = .events
        readDeadline = loop.now + loop.environment.times.heartbeat
        sendEvents(loop)
    }

    private func open(_ core: EventStreamCore, _ answer: StreamedAnswer, _ loop: EventLoop) {
        peerObservers = []
        if !knowsChunks || loop.stopDeadline != nil { keepsAlive = false }
        streamFraming = knowsChunks ? .chunked : .untilClose
        let before = loop.scratch.count
        loop.scratch.append(
            answer, streamFraming, of: route, and: answerFields, persistence: keepsAlive ? .keepAlive : .close,
            date: loop.date)
        report(answer.status, bytes: loop.scratch.count - before, loop)
        progress = RequestProgress()
        answerFields = []
        phase = .streaming
        stream = core
        readDeadline = .max
        sendEvents(loop)
    }

    /// Everything of a streamed answer was taken.
    private func endStream(_ loop: EventLoop) {
        stream = nil
        if streamFraming == .chunked { loop.scratch.append("0\r\n\r\n") }
        // Who has ended the answer has no use for the rest of the body.
        if let upload, !upload.isEmpty { keepsAlive = false }
        upload = nil
        route = nil
        if streamFraming == .chunked, keepsAlive, loop.stopDeadline == nil {
            phase = .receiving
            readDeadline = loop.now + loop.environment.times.idle
        } else {
            phase = .closing
            readDeadline = .max
        }
    }

    /// Takes what the stream has for this client, once everything taken before is sent.
    func sendEvents(_ loop: EventLoop) {
        guard phase == .streaming, let stream else { return }
        if stream.hasOverflowed { return abandon(loop) }
        guard output.isEmpty else { return }
        let next = stream.take(into: &loop.events)
        if streamFraming == .chunked {
            loop.scratch.append(chunk: loop.events)
        } else {
            loop.scratch.append(loop.events)
        }
        loop.events.removeAll(keepingCapacity: loop.events.count <= loop.streamLimit)
        switch next {
        case .nothing: break
        case .events: if streamFraming == .events { readDeadline = loop.now + loop.environment.times.heartbeat }
        case .end: endStream(loop)
        }
    }

    // MARK: Sending

    /// Sends what was rendered in this turn; what the socket doesn't take waits in `output`.
    func sendScratch(_ loop: EventLoop) {
        if !loop.scratch.isEmpty {
            if output.isEmpty {
                let count = loop.scratch.count
                switch loop.scratch.send(to: descriptor) {
                case .everything: writing.handed(count)
                case .some, .wouldBlock:
                    writing.handed(count - loop.scratch.count)
                    swap(&loop.scratch, &output)
                    beginWriteWindow(loop)
                case .failed:
                    loop.scratch.clear()
                    return loop.close(self)
                }
            } else {
                output.take(&loop.scratch)
            }
        }
        settleBudget(loop.environment.budget)
        if phase == .closing, output.isEmpty { endOutput(loop) }
    }

    /// Goes on with `output` when the socket takes more.
    func sendPending(_ loop: EventLoop) {
        while !output.isEmpty {
            let count = output.count
            switch output.send(to: descriptor) {
            case .everything, .some: writing.handed(count - output.count)
            case .wouldBlock: return
            case .failed: return loop.close(self)
            }
        }
        output.release()
        if phase == .receiving {
            if !progress.hasBegun {
                readDeadline = loop.now + loop.environment.times.idle
            } else if isHeldBack {
                readDeadline = loop.now + loop.environment.times.head
            }
        }
        sendEvents(loop)
    }

    func beginWriteWindow(_ loop: EventLoop) {
        writing.begin(descriptor)
        writeDeadline = loop.now + loop.environment.times.write
    }

    // MARK: Closing

    func closeWhenSent(_ loop: EventLoop) {
        sendScratch(loop)
        guard phase != .closed else { return }
        if output.isEmpty { return loop.close(self) }
        phase = .closing
        readDeadline = .max
    }

    /// Everything is sent. A peer that may still be sending gets time to read it.
    private func endOutput(_ loop: EventLoop) {
        if isEnded, !isReadable { return loop.close(self) }
        phase = .lingering
        shutdown(descriptor, Int32(SHUT_WR))
        readDeadline = loop.now + loop.environment.times.linger
        loop.setTimer(for: self)
        discardInput(loop)
    }

    /// Closes with a reset: the kernel would go on to hold megabytes for a client that doesn't read.
    private func abandon(_ loop: EventLoop) {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        loop.close(self)
    }

    /// Reads in one turn.
    private static var discardedAtOnce: Int { 16 }

    func discardInput(_ loop: EventLoop) {
        input.consume(input.count)
        var rounds = Self.discardedAtOnce
        while isReadable, phase == .lingering {
            // A client that goes on and on must not keep the loop from the others, nor from its own deadline.
            guard rounds > 0 else {
                loop.unfinished.append(token)
                break
            }
            rounds -= 1
            switch input.receive(from: descriptor) {
            case .received(_, let drained):
                input.consume(input.count)
                if drained, !isEnded { isReadable = false }
            case .wouldBlock: isReadable = false
            case .end, .failed: loop.close(self)
            }
        }
        input.releaseIfEmpty()
    }

    /// A deadline has passed.
    func timeOut(_ loop: EventLoop) {
        if upload != nil { return uploadTimedOut(loop) }
        if !output.isEmpty, writeDeadline <= loop.now {
            let haste = loop.environment.budget.isTight ? WriteProgress.haste : 1
            guard writing.hasReached(loop.environment.times.leastWritten * haste, descriptor) else {
                return abandon(loop)
            }
            beginWriteWindow(loop)
            guard deadline <= loop.now else { return loop.setTimer(for: self) }
        }
        switch phase {
        case .receiving where progress.hasBegun:
            refuse(Refusal(.requestTimeout, "the request took too long"), loop)
            settle(loop)
        case .streaming where streamFraming != .events: break
        case .streaming:
            // A comment keeps proxies from closing an idle stream, and finds out whether the client is there.
            readDeadline = loop.now + loop.environment.times.heartbeat
            if output.isEmpty { loop.scratch.append(":\n\n") }
            settle(loop)
        case .receiving, .lingering, .answering, .closing: loop.close(self)
        case .closed: break
        }
    }

    /// The server stops: idle connections go, a request that has begun may finish.
    func stop(_ loop: EventLoop) {
        switch phase {
        case .receiving:
            // What is on its way into the handler shouldn't be lost to a race.
            isReadable = true
            receiveLast(loop)
        case .answering where upload != nil, .streaming where upload != nil:
            failUpload(.stopping, loop)
            settle(loop)
        // Its maker ends it.
        case .streaming where streamFraming != .events: keepsAlive = false
        case .streaming:
            stream?.disconnected()
            stream = nil
            phase = .closing
            readDeadline = .max
            settle(loop)
        case .lingering: loop.close(self)
        case .answering, .closing, .closed: break
        }
    }

    private func receiveLast(_ loop: EventLoop) {
        proceed(loop)
        guard phase == .receiving, input.isEmpty, !progress.hasBegun else { return }
        closeWhenSent(loop)
    }
}
