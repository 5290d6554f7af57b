import CEpoll
import Glibc

/// Taking connections in and letting them go.
extension EventLoop {
    /// At most so many in a row, so that those who are connected get their turn.
    private static var acceptsAtOnce: Int { 64 }
    /// While descriptors are short, look again after this many nanoseconds.
    private static var acceptPause: UInt64 { 100_000_000 }
    /// Connections that were turned away and still have to read so.
    private static var refusedAtOnce: Int { 64 }

    func watchListeners() {
        for (index, listener) in listeners.enumerated() {
            register(listener, token: Self.listenerTokens + UInt64(index), events: EPOLLIN.rawValue)
        }
    }

    /// Empties the queue, as far as a queue can be that others fill.
    func acceptAll(from index: Int) {
        var rounds = Int(environment.configuration.limits.backlog) / Self.acceptsAtOnce
        while accept(from: index), rounds > 0 { rounds -= 1 }
    }

    /// True when there may be more.
    @discardableResult
    func accept(from index: Int) -> Bool {
        guard index < listeners.count else { return false }
        for _ in 0..<Self.acceptsAtOnce {
            var storage = sockaddr_storage()
            let descriptor = acceptOne(listeners[index], &storage)
            if descriptor >= 0 {
                admit(descriptor, SocketAddress(storage))
                continue
            }
            switch errno {
            case EAGAIN, EWOULDBLOCK: return false
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                shedForWantOfDescriptors(index)
                return false
            // The connection failed before we had it (accept(2), "Error handling"): the next may be fine.
            default: continue
            }
        }
        return true
    }

    private func acceptOne(_ listener: Int32, _ storage: inout sockaddr_storage) -> Int32 {
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                accept4(listener, $0, &length, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
            }
        }
    }

    private func admit(_ descriptor: Int32, _ remote: SocketAddress) {
        if let refusal = environment.census.admit(remote.origin) {
            environment.observer?.connectionRefused(refusal)
            guard refusedLingering < Self.refusedAtOnce else {
                Glibc.close(descriptor)
                return
            }
            let connection = add(descriptor, remote, isCounted: false)
            refusedLingering += 1
            connection.turnAway(refusal, self)
        } else {
            let connection = add(descriptor, remote, isCounted: true)
            environment.observer?.connectionOpened()
            connection.readDeadline = now + environment.times.idle
            // Registered first: what arrived before is reported as an event right away.
            connection.isReadable = false
            setTimer(for: connection)
        }
    }

    private func add(_ descriptor: Int32, _ remote: SocketAddress, isCounted: Bool) -> ClientConnection {
        let slot = freeSlots.popLast() ?? connections.count
        generation &+= 1
        // The uppermost generation is left to listeners and eventfd.
        if generation == .max { generation = 1 }
        let connection = ClientConnection(
            descriptor: descriptor, slot: slot, generation: generation, remote: remote, isCounted: isCounted)
        if slot == connections.count { connections.append(connection) } else { connections[slot] = connection }
        openCount += 1
        register(
            descriptor, token: connection.token,
            events: EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue)
        return connection
    }

    func connection(_ token: UInt64) -> ClientConnection? {
        let slot = Int(token & 0xFFFF_FFFF)
        guard slot < connections.count, let connection = connections[slot], connection.token == token else {
            return nil
        }
        return connection
    }

    func close(_ connection: ClientConnection) {
        guard connection.phase != .closed else { return }
        connection.phase = .closed
        // What was rendered for it in this turn must never go out to another connection.
        scratch.clear()
        connections[connection.slot] = nil
        freeSlots.append(connection.slot)
        wheel.cancel(connection.slot)
        connection.settleBudget(environment.budget, closed: true)
        openCount -= 1
        Glibc.close(connection.descriptor)
        if connection.isCounted {
            environment.census.leave(connection.remote.origin)
            environment.observer?.connectionClosed()
        } else {
            refusedLingering -= 1
        }
        if let observation = connection.observation {
            connection.observation = nil
            environment.observer?.requestAbandoned(observation)
        }
        connection.tellPeerObservers()
        let stream = connection.stream
        connection.stream = nil
        stream?.disconnected()
        let receiver = connection.upload?.receiver
        connection.upload = nil
        receiver?.bodyBroke(.left)
    }

    /// Out of descriptors: the spare one takes the waiting connections one by one, to tell each client at once instead
    /// of leaving it in the queue, and accepting pauses.
    private func shedForWantOfDescriptors(_ index: Int) {
        environment.logger.error("accept_failed", metadata: ["errno": "\(errno)"])
        if spareDescriptor >= 0 {
            Glibc.close(spareDescriptor)
            spareDescriptor = -1
            for _ in 0..<Self.acceptsAtOnce {
                var storage = sockaddr_storage()
                let descriptor = acceptOne(listeners[index], &storage)
                guard descriptor >= 0 else { break }
                environment.observer?.connectionRefused(.descriptors)
                scratch.append(
                    Self.overloaded.response, of: nil, isHead: false, persistence: .close, date: date)
                _ = scratch.send(to: descriptor)
                scratch.clear()
                // Unread bytes would turn the close into a reset, and the answer would be lost.
                var unread = InputBuffer()
                _ = unread.receive(from: descriptor)
                Glibc.close(descriptor)
            }
        }
        spareDescriptor = Self.openSpare()
        for listener in listeners { epoll_ctl(epoll, EPOLL_CTL_DEL, listener, nil) }
        acceptsAgainAt = now + Self.acceptPause
    }

    func resumeAccepting() {
        acceptsAgainAt = .max
        if spareDescriptor < 0 { spareDescriptor = Self.openSpare() }
        watchListeners()
    }

    func closeListeners() {
        for listener in listeners { Glibc.close(listener) }
        listeners = []
        acceptsAgainAt = .max
    }

    static let overloaded = HTTPProblem(
        .serviceUnavailable, detail: "too many connections", headers: [HTTPHeader("Retry-After", "1")])
}
