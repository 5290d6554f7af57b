import Execution
import Glibc
import Synchronization
import TestServers

/// TCP between daemons and a server, with a hand on the line: cut, delayed, or stalled. Two plain threads a connection.
final class Proxy: Sendable {
    let port: Int
    private let target: Int
    private let listener: Int32
    private let state = Mutex(State())

    private struct State {
        var lines: [ObjectIdentifier: Line] = [:]
        var delay: Duration = .zero
        var isStalled = false
        var isClosed = false
    }

    /// Two sockets and whether they are of use any more.
    private final class Line: Sendable {
        let client: Int32
        let server: Int32
        private let threads = Mutex(2)

        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
        }

        /// The other end sees a reset or an end; the descriptors stay until both threads are done with them.
        func cut() {
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
        }

        /// True for the last of the two threads.
        func leave() -> Bool {
            threads.withLock { count in
                count -= 1
                return count == 0
            }
        }
    }

    init(to target: Int) throws {
        self.target = target
        port = try LocalPort.unused()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard LocalPort.withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 512) == 0 else {
            throw CantListen(port: port)
        }
        DedicatedThread.start("proxy") { [self] in accept() }
    }

    private struct CantListen: Error {
        let port: Int
    }

    func close() {
        let lines = state.withLock { state -> [Line] in
            state.isClosed = true
            return Array(state.lines.values)
        }
        shutdown(listener, Int32(SHUT_RDWR))
        for line in lines { line.cut() }
    }

    /// Cuts that share of the connections.
    func cut(_ share: Double) {
        let lines = state.withLock { Array($0.lines.values) }
        for line in lines where Double.random(in: 0..<1) < share { line.cut() }
    }

    /// Whatever passes is held up by so much, either way.
    func delay(_ time: Duration) { state.withLock { $0.delay = time } }

    /// Nothing passes until `flow`.
    func stall() { state.withLock { $0.isStalled = true } }

    /// Ends `stall`. The connections that were open go, as a firewall forgets them.
    func flow() {
        state.withLock { $0.isStalled = false }
        cut(1)
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else {
                if errno == EINTR || errno == ECONNABORTED { continue }
                return
            }
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard LocalPort.withAddress(target, { connect(server, $0, $1) }) == 0 else {
                Glibc.close(server)
                Glibc.close(client)
                continue
            }
            var yes: Int32 = 1
            for descriptor in [client, server] {
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
            }
            let line = Line(client: client, server: server)
            let isOpen = state.withLock { state -> Bool in
                if !state.isClosed { state.lines[ObjectIdentifier(line)] = line }
                return !state.isClosed
            }
            if !isOpen { line.cut() }
            DedicatedThread.start("proxy-up") { [self] in carry(line, from: client, to: server) }
            DedicatedThread.start("proxy-down") { [self] in carry(line, from: server, to: client) }
        }
    }

    private func carry(_ line: Line, from: Int32, to: Int32) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(from, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            hold()
            var sent = 0
            while sent < count {
                let written = buffer.withUnsafeBytes {
                    send(to, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
                }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { break }
                sent += written
            }
            if sent < count { break }
        }
        line.cut()
        guard line.leave() else { return }
        state.withLock { _ = $0.lines.removeValue(forKey: ObjectIdentifier(line)) }
        Glibc.close(line.client)
        Glibc.close(line.server)
    }

    private func hold() {
        let delay = state.withLock { $0.delay }
        if delay > .zero { StopSignal().wait(for: delay) }
        while state.withLock({ $0.isStalled && !$0.isClosed }) { usleep(20_000) }
    }
}
