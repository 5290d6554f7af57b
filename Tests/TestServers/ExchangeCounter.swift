import Execution
import Glibc
import Synchronization

/// TCP between clients and a private PostgreSQL server that counts how often they wait for an answer: each `Sync` and
/// each simple `Query` of the protocol is one exchange (PostgreSQL, "Message Flow").
public final class ExchangeCounter: Sendable {
    public let port: Int
    private let target: Int
    private let listener: Int32
    private let count = Mutex(0)

    public init(to server: PostgresServer) throws {
        target = server.port
        port = try LocalPort.unused()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard LocalPort.withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            throw TestServerError("listen on port \(port)", errno: errno)
        }
        DedicatedThread.start("exchanges") { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                DedicatedThread.start("exchange") { [self] in forward(client) }
            }
        }
    }

    deinit { close(listener) }

    /// Ends what it does; open connections go on.
    public func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    /// Exchanges so far, of all connections.
    public var exchanges: Int { count.withLock { $0 } }

    /// The exchanges that `body` takes.
    public func exchanges(of body: () throws -> Void) rethrows -> Int {
        let before = exchanges
        try body()
        return exchanges - before
    }

    private func forward(_ client: Int32) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer {
            close(client)
            close(server)
        }
        guard LocalPort.withAddress(target, { connect(server, $0, $1) }) == 0 else { return }
        var messages = FrontendMessages()
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            var ends = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&ends, 2, -1) > 0 || errno == EINTR else { return }
            for (from, to) in [(0, server), (1, client)] where ends[from].revents != 0 {
                let size = recv(ends[from].fd, &buffer, buffer.count, 0)
                guard size > 0 else { return }
                if from == 0 {
                    let found = messages.take(buffer[..<size])
                    count.withLock { $0 += found }
                }
                var sent = 0
                while sent < size {
                    let step = buffer.withUnsafeBytes { bytes in
                        send(to, bytes.baseAddress.map { $0 + sent }, size - sent, Int32(MSG_NOSIGNAL))
                    }
                    guard step > 0 else { return }
                    sent += step
                }
            }
        }
    }
}

/// A client's messages, cut out of what comes in pieces.
private struct FrontendMessages {
    private var pending: [UInt8] = []
    /// The first messages have no type: requests for encryption, which are refused here, and the start.
    private var isStarted = false

    /// How many of those that came to their end ask for an answer.
    mutating func take(_ bytes: ArraySlice<UInt8>) -> Int {
        pending += bytes
        var found = 0
        while true {
            let head = isStarted ? 1 : 0
            guard pending.count >= head + 4 else { return found }
            let length = pending[head..<head + 4].reduce(0) { $0 << 8 | Int($1) }
            guard length >= 4, pending.count >= head + length else { return found }
            if isStarted {
                if pending[0] == UInt8(ascii: "S") || pending[0] == UInt8(ascii: "Q") { found += 1 }
            } else {
                // 1234.5679 and 1234.5680 ask for encryption (PostgreSQL, "SSLRequest", "GSSENCRequest").
                isStarted = length > 8
            }
            pending.removeFirst(head + length)
        }
    }
}
