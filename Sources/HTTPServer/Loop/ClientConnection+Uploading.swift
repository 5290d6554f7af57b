/// From bytes of a body to its receiver, while the request is being answered.
extension ClientConnection {
    /// The handler has named who takes the body.
    func takeBody(by receiver: any BodyReceiver, _ loop: EventLoop) {
        guard upload != nil else { return receiver.bodyBroke(.left) }
        upload?.receiver = receiver
        upload?.beginWindow(until: loop.now + loop.environment.times.body)
        if upload?.expectsContinue == true, upload?.isEmpty == false, input.isEmpty, phase == .answering {
            loop.scratch.append("HTTP/1.1 100 Continue\r\n\r\n")
        }
        upload?.expectsContinue = false
        proceed(loop)
    }

    /// The receiver takes more.
    func resumeBody(_ loop: EventLoop) {
        guard upload?.isPaused == true else { return }
        upload?.resume(until: loop.now + loop.environment.times.body)
        proceed(loop)
    }

    /// Hands over what is here and reads on, until the receiver pauses, the socket is empty, or others have to get their
    /// turn.
    func receiveBody(_ loop: EventLoop) {
        let limits = loop.environment.configuration.limits
        var handed = 0
        while var upload, upload.isAwaited, let receiver = upload.receiver {
            do throws(Refusal) {
                if let content = try upload.content(in: &input, limits) {
                    let taken = receiver.receive(
                        UnsafeRawBufferPointer(start: input.isEmpty ? nil : input.bytes, count: content.count),
                        isLast: content.isLast)
                    handed += content.count
                    upload.remove(taken, of: content, from: &input)
                    if content.isLast, !upload.isPaused { return endUpload(loop) }
                    self.upload = upload
                    if upload.isPaused { return }
                } else {
                    self.upload = upload
                }
            } catch {
                return failUpload(error.status == .contentTooLarge ? .tooLarge : .malformed, loop)
            }
            if handed >= Upload.heldBytes { return loop.unfinished.append(token) }
            guard isReadable else { return }
            guard input.count <= Upload.heldBytes + limits.chunkExtensionBytes else {
                return failUpload(.malformed, loop)
            }
            switch input.receive(from: descriptor, atLeast: Upload.readBytes) {
            case .received(let count, let drained):
                self.upload?.count(received: count)
                if drained, !isEnded { isReadable = false }
            case .wouldBlock: isReadable = false
            case .failed: return loop.close(self)
            case .end:
                isReadable = false
                isEnded = true
                return failUpload(.left, loop)
            }
        }
    }

    /// The body is whole. From here on only the client's reading counts.
    private func endUpload(_ loop: EventLoop) {
        upload = nil
        if !output.isEmpty { beginWriteWindow(loop) }
    }

    /// The body won't become whole, and where the next request starts isn't known.
    func failUpload(_ reason: BodyFailure, _ loop: EventLoop) {
        guard let receiver = upload.map(\.receiver) else { return }
        upload = nil
        keepsAlive = false
        input.consume(input.count)
        if !output.isEmpty { beginWriteWindow(loop) }
        receiver?.bodyBroke(reason)
    }

    /// The client's time for some of the body is over.
    func uploadTimedOut(_ loop: EventLoop) {
        guard let upload, upload.deadline <= loop.now else { return loop.setTimer(for: self) }
        if upload.isWellUnderWay(least: loop.environment.times.leastReceived, now: loop.now) {
            self.upload?.beginWindow(until: loop.now + loop.environment.times.body)
        } else {
            failUpload(.timeout, loop)
        }
        settle(loop)
    }
}
