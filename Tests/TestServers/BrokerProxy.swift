import Execution
import Glibc

/// A broker's line with a hand on its requests: each passes, is changed, is answered in the broker's place, or ends the
/// connection. Clients that ask where the brokers are learn of the proxy alone.
package final class BrokerProxy: Sendable {
    /// A request as it stands on the wire, without its length (https://kafka.apache.org/protocol).
    package struct Request: Sendable {
        package let bytes: [UInt8]

        package var api: Int16 { Int16(bitPattern: UInt16(bytes[0]) << 8 | UInt16(bytes[1])) }
        package var version: Int16 { Int16(bitPattern: UInt16(bytes[2]) << 8 | UInt16(bytes[3])) }
        fileprivate var correlation: ArraySlice<UInt8> { bytes[4..<8] }
    }

    package enum Reaction: Sendable {
        case pass
        case change([UInt8])
        /// The body of a response without tagged fields.
        case answer([UInt8])
        case cut
    }

    package let port: Int
    private let target: Int
    private let listener: Int32
    private let react: @Sendable (Request) -> Reaction
    private let lines = Monitor<[Int32]>([])
    private let counts = Monitor<[Int16: Int]>([:])

    package var bootstrapServers: String { "127.0.0.1:\(port)" }

    /// - Parameter react: called for each request, on the connection's thread.
    package init(to broker: KafkaBroker, _ react: @escaping @Sendable (Request) -> Reaction) throws {
        target = broker.port
        self.react = react
        port = try LocalPort.unused()
        listener = Self.socket()
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard LocalPort.withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
            throw CantListen(port: port)
        }
        DedicatedThread.start("proxy") { [self] in accept() }
    }

    package struct CantListen: Error { let port: Int }

    /// How many requests of a kind have come.
    package func count(of api: Int16) -> Int { counts.withLock { $0[api] ?? 0 } }

    package func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        for line in lines.withLock({ $0 }) { shutdown(line, Int32(SHUT_RDWR)) }
    }

    private static func socket() -> Int32 {
        Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { return }
            let server = Self.socket()
            guard LocalPort.withAddress(target, { connect(server, $0, $1) }) == 0 else {
                Glibc.close(server)
                Glibc.close(client)
                continue
            }
            var yes: Int32 = 1
            for line in [client, server] {
                setsockopt(line, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
            }
            // The descriptors stay until the end: a test has few.
            lines.withLock { $0 += [client, server] }
            DedicatedThread.start("proxy-up") { [self] in carryRequests(client, server) }
            DedicatedThread.start("proxy-down") { [self] in carryAnswers(client, server) }
        }
    }

    private func carryRequests(_ client: Int32, _ server: Int32) {
        while let frame = Self.frame(from: client), frame.count >= 8 {
            let request = Request(bytes: frame)
            counts.update { $0[request.api, default: 0] += 1 }
            let isWritten =
                switch react(request) {
                case .pass: Self.write(frame, to: server)
                case .change(let changed): Self.write(changed, to: server)
                case .answer(let body): Self.write(Array(request.correlation) + body, to: client)
                case .cut: false
                }
            guard isWritten else { break }
        }
        end(client, server)
    }

    private func carryAnswers(_ client: Int32, _ server: Int32) {
        while let frame = Self.frame(from: server) {
            guard Self.write(withOwnAddress(frame), to: client) else { break }
        }
        end(client, server)
    }

    private func end(_ client: Int32, _ server: Int32) {
        for line in [client, server] { shutdown(line, Int32(SHUT_RDWR)) }
    }

    /// The broker's host and port as answers have them, with the proxy's port instead.
    private func withOwnAddress(_ frame: [UInt8]) -> [UInt8] {
        func address(_ port: Int) -> [UInt8] { Array("127.0.0.1".utf8) + [0, 0, UInt8(port >> 8), UInt8(port & 255)] }
        let (old, new) = (address(target), address(port))
        guard frame.count >= old.count, frame.count < 100_000 else { return frame }
        var frame = frame
        for start in 0...frame.count - old.count where frame[start..<start + old.count].elementsEqual(old) {
            frame.replaceSubrange(start..<start + old.count, with: new)
        }
        return frame
    }

    /// Sends one request to a broker at `127.0.0.1:port` and waits for its answer.
    package static func send(_ request: [UInt8], to address: String) throws {
        let line = socket()
        defer { Glibc.close(line) }
        let port = Int(address.split(separator: ":").last ?? "") ?? 0
        guard LocalPort.withAddress(port, { connect(line, $0, $1) }) == 0, write(request, to: line),
            frame(from: line) != nil
        else { throw CantListen(port: port) }
    }

    private static func frame(from line: Int32) -> [UInt8]? {
        guard let head = read(4, from: line) else { return nil }
        return read(head.reduce(0) { $0 << 8 | Int($1) }, from: line)
    }

    private static func read(_ count: Int, from line: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes { recv(line, $0.baseAddress! + filled, count - filled, 0) }
            guard got > 0 else { return nil }
            filled += got
        }
        return bytes
    }

    private static func write(_ frame: [UInt8], to line: Int32) -> Bool {
        let bytes = WireWriter.int32(Int32(frame.count)) + frame
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(line, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}

/// Kafka's primitive types.
package enum WireWriter {
    package static func int16(_ value: Int16) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    package static func int32(_ value: Int32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    package static func string(_ text: String) -> [UInt8] { int16(Int16(text.utf8.count)) + Array(text.utf8) }
    package static func bytes(_ bytes: [UInt8]) -> [UInt8] { int32(Int32(bytes.count)) + bytes }
}

/// The same, read.
package struct WireReader {
    private let bytes: [UInt8]
    package private(set) var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var passed: ArraySlice<UInt8> { bytes[..<position] }
    package var rest: ArraySlice<UInt8> { bytes[position...] }

    package mutating func take(_ count: Int) -> [UInt8] {
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    package mutating func int16() -> Int16 { Int16(bitPattern: take(2).reduce(0) { $0 << 8 | UInt16($1) }) }
    package mutating func int32() -> Int32 { Int32(bitPattern: take(4).reduce(0) { $0 << 8 | UInt32($1) }) }
    package mutating func string() -> String { String(decoding: take(max(0, Int(int16()))), as: UTF8.self) }
    package mutating func blob() -> [UInt8] { take(max(0, Int(int32()))) }
}
