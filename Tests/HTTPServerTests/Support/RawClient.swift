import Glibc

/// A blocking TCP client that sends exactly the bytes it is given. A receive that takes over ten seconds throws.
final class RawClient {
    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ call: String) { description = "\(call): \(String(cString: strerror(errno)))" }
        init(message: String) { description = message }
    }

    private(set) var descriptor: Int32
    private var received: [UInt8] = []

    /// `receiveBuffer` in bytes makes the client a slow reader early.
    init(port: UInt16, host: String = "127.0.0.1", receiveBuffer: Int32? = nil) throws {
        descriptor = try Self.makeSocket(host)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
        if var receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, 4) }
        try connect(port: port, host: host)
    }

    /// For a client that connects when there may be no descriptors left.
    init(socket: Int32) { descriptor = socket }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    static func makeSocket(_ host: String = "127.0.0.1") throws -> Int32 {
        let descriptor = socket(host.contains(":") ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("socket") }
        return descriptor
    }

    func connect(port: UInt16, host: String = "127.0.0.1") throws {
        var code: Int32
        if host.contains(":") {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            inet_pton(AF_INET6, host, &address.sin6_addr)
            code = withUnsafeBytes(of: &address) {
                Glibc.connect(descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
            }
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            inet_pton(AF_INET, host, &address.sin_addr)
            code = withUnsafeBytes(of: &address) {
                Glibc.connect(descriptor, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
            }
        }
        guard code == 0 else { throw Failure("connect") }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure("send") }
            sent += count
        }
    }

    /// For a server that may have had enough: false when it has.
    func trySend(_ bytes: [UInt8]) -> Bool { (try? send(bytes)) != nil }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Closes with a reset.
    func abort() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
        descriptor = -1
    }

    /// One more piece; empty at the end. A reset counts as the end.
    @discardableResult
    func receiveMore() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == ECONNRESET { return [] }
        guard count >= 0 else { throw Failure("recv") }
        received.append(contentsOf: buffer[..<count])
        return Array(buffer[..<count])
    }

    /// Bytes that were received and not returned.
    var buffered: Int { received.count }

    func take(_ count: Int) -> [UInt8] {
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }

    /// Everything up to the server's close.
    func receiveAll() throws -> [UInt8] {
        while !(try receiveMore().isEmpty) {}
        defer { received = [] }
        return received
    }

    func receiveAllText() throws -> String { String(decoding: try receiveAll(), as: UTF8.self) }

    /// Waits until `text` has been received, and returns everything up to its end.
    @discardableResult
    func receive(until text: String) throws -> String {
        let wanted = Array(text.utf8)
        while true {
            if let end = received.endIndex(ofFirst: wanted) {
                defer { received.removeFirst(end) }
                return String(decoding: received[..<end], as: UTF8.self)
            }
            guard !(try receiveMore().isEmpty) else {
                throw Failure(
                    message: "closed before \(text.debugDescription): \(String(decoding: received, as: UTF8.self))")
            }
        }
    }

    /// The next answer. `isHead`: it has no content whatever its length says.
    func response(isHead: Bool = false) throws -> RawResponse {
        let head = try receive(until: "\r\n\r\n")
        var response = try RawResponse(head: head)
        let length = isHead ? 0 : Int(response.header("Content-Length") ?? "0") ?? 0
        while received.count < length {
            guard !(try receiveMore().isEmpty) else { throw Failure(message: "closed within the content") }
        }
        response.body = String(decoding: received[..<length], as: UTF8.self)
        received.removeFirst(length)
        return response
    }

    /// Whether the server closes without another byte.
    func isClosed() throws -> Bool { try received.isEmpty && receiveMore().isEmpty }
}

struct RawResponse {
    let status: Int
    let headers: [(name: String, value: String)]
    var body = ""

    init(head: String) throws {
        var lines = head.split(separator: "\r\n")
        guard let first = lines.first, first.hasPrefix("HTTP/1.1 "), let status = Int(first.dropFirst(9).prefix(3))
        else {
            throw RawClient.Failure(message: "not an answer: \(head)")
        }
        self.status = status
        lines.removeFirst()
        headers = try lines.map { line in
            guard let colon = line.range(of: ": ") else { throw RawClient.Failure(message: "not a field: \(line)") }
            return (String(line[..<colon.lowerBound]), String(line[colon.upperBound...]))
        }
    }

    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }

    /// Parses a whole stream of answers, as received up to the server's close.
    static func all(_ bytes: [UInt8]) throws -> [RawResponse] {
        var responses: [RawResponse] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let end = Array(rest).endIndex(ofFirst: Array("\r\n\r\n".utf8)) else {
                throw RawClient.Failure(
                    message: "an answer's head doesn't end: \(String(decoding: rest, as: UTF8.self))")
            }
            let head = String(decoding: rest.prefix(end), as: UTF8.self)
            rest = rest.dropFirst(end)
            if head.hasPrefix("HTTP/1.1 100 ") { continue }
            var response = try RawResponse(head: head)
            let length = Int(response.header("Content-Length") ?? "0") ?? 0
            guard rest.count >= length else { throw RawClient.Failure(message: "content is cut off") }
            response.body = String(decoding: rest.prefix(length), as: UTF8.self)
            rest = rest.dropFirst(length)
            responses.append(response)
        }
        return responses
    }
}

extension Array<UInt8> {
    func endIndex(ofFirst wanted: [UInt8]) -> Int? {
        guard count >= wanted.count else { return nil }
        for start in 0...(count - wanted.count) where self[start] == wanted[0] {
            if self[start..<(start + wanted.count)].elementsEqual(wanted) { return start + wanted.count }
        }
        return nil
    }
}

extension StringProtocol {
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
