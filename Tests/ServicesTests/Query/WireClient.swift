import Glibc
import TestServers

/// A blocking HTTP client that shows what comes over the wire as it comes. Waiting for over fifteen seconds throws.
final class WireClient {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    struct Answer {
        let status: Int
        let head: String
        let body: String

        func header(_ name: String) -> String? {
            for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix(name.lowercased() + ":") {
                return String(line.dropFirst(name.count + 1).drop { $0 == " " })
            }
            return nil
        }
    }

    private let descriptor: Int32
    private var received: [UInt8] = []

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 15, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let code = LocalPort.withAddress(Int(port)) { connect(descriptor, $0, $1) }
        guard code == 0 else { throw Failure(description: "connect: \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// Where it is connected to, for further clients.
    func peerPort() throws -> UInt16 {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
        }
        guard code == 0 else { throw Failure(description: "getpeername: \(String(cString: strerror(errno)))") }
        return UInt16(bigEndian: address.sin_port)
    }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    func get(_ path: String, _ headers: [String: String] = [:]) throws {
        try send("GET", path, headers, body: nil)
    }

    func send(_ method: String, _ path: String, _ headers: [String: String] = [:], body: String?) throws {
        var text = "\(method) \(path) HTTP/1.1\r\n"
        if headers["Host"] == nil { text += "Host: test\r\n" }
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
        try send(raw: text + "\r\n" + (body ?? ""))
    }

    func send(raw text: String) throws {
        let bytes = Array(text.utf8)
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw Failure(description: "send: \(String(cString: strerror(errno)))")
        }
    }

    /// The next answer that isn't a stream.
    func answer() throws -> Answer {
        let head = try receive(until: "\r\n\r\n")
        let status = Int(head.split(separator: " ")[1]) ?? 0
        let partial = Answer(status: status, head: head, body: "")
        if partial.header("Transfer-Encoding") == "chunked" {
            var body: [UInt8] = []
            while true {
                let line = try receive(until: "\r\n")
                guard let size = Int(line.dropLast(1), radix: 16) else { throw Failure(description: "chunk \(line)") }
                while received.count < size + 2 { try receiveMore() }
                body += received[..<size]
                received.removeFirst(size + 2)
                if size == 0 { return Answer(status: status, head: head, body: String(decoding: body, as: UTF8.self)) }
            }
        }
        let length = partial.header("Content-Length").flatMap { Int($0) } ?? 0
        while received.count < length { try receiveMore() }
        defer { received.removeFirst(length) }
        return Answer(status: status, head: head, body: String(decoding: received[..<length], as: UTF8.self))
    }

    /// Nothing is received or sent any more, not even what was on its way.
    func abort() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Everything up to the end of the first `text`.
    func receive(until text: String) throws -> String {
        let wanted = Array(text.utf8)
        while true {
            if received.count >= wanted.count {
                for start in 0...(received.count - wanted.count)
                where received[start..<(start + wanted.count)].elementsEqual(wanted) {
                    defer { received.removeFirst(start + wanted.count) }
                    return String(decoding: received[..<(start + wanted.count)], as: UTF8.self)
                }
            }
            try receiveMore()
        }
    }

    private func receiveMore() throws {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else {
            throw Failure(
                description: "recv: \(count == 0 ? "closed" : String(cString: strerror(errno))) after "
                    + String(decoding: received, as: UTF8.self))
        }
        received.append(contentsOf: buffer[..<count])
    }
}
