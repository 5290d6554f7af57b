import Execution
import Foundation
import Synchronization
import TestServers

/// Customers without manners: many connections, each of which orders again as soon as it has an answer, whatever that
/// was. Plain sockets, a thread for some hundred of them.
final class Hammer: Sendable {
    struct Tally: Sendable {
        /// Ids of orders answered 201.
        var accepted: [String] = []
        var statuses: [Int: Int] = [:]
        /// 503 that didn't say when to come again.
        var withoutRetryAfter = 0
        /// Connections that ended before their answer.
        var broken = 0
    }

    private let port: Int
    private let connections: Int
    private let name: String
    private let tally = Mutex(Tally())

    private static let connectionsPerThread = 250

    init(port: Int, connections: Int, name: String) {
        self.port = port
        self.connections = connections
        self.name = name
    }

    var result: Tally { tally.withLock { $0 } }

    /// Until `stop`, and then until every open request is answered, `patience` at most. Blocks.
    func run(until stop: StopSignal, patience: Duration) {
        let threads = stride(from: 0, to: connections, by: Self.connectionsPerThread).map { first in
            DedicatedThread.start("hammer") { [self] in
                let count = min(Self.connectionsPerThread, connections - first)
                work((first..<first + count).map { Line(number: $0) }, until: stop, patience)
            }
        }
        for thread in threads { thread.join() }
    }

    /// One connection.
    private struct Line {
        let number: Int
        var socket: Int32 = -1
        var asked = 0
        var isWaiting = false
        var received: [UInt8] = []
    }

    private func work(_ lines: [Line], until stop: StopSignal, _ patience: Duration) {
        var lines = lines
        var end: ContinuousClock.Instant?
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        defer { for line in lines where line.socket >= 0 { close(line.socket) } }
        while true {
            if stop.isStopped {
                end = end ?? .now + patience
                if !lines.contains(where: \.isWaiting) { return }
                if let end, end < .now { return }
            } else {
                for index in lines.indices where !lines[index].isWaiting { ask(&lines[index]) }
            }
            var waiting = lines.map { pollfd(fd: $0.isWaiting ? $0.socket : -1, events: Int16(POLLIN), revents: 0) }
            guard poll(&waiting, nfds_t(waiting.count), 100) > 0 else { continue }
            for index in waiting.indices where waiting[index].revents != 0 {
                let count = read(lines[index].socket, &buffer, buffer.count)
                guard count > 0 else {
                    abandon(&lines[index])
                    continue
                }
                lines[index].received += buffer[..<count]
                if let answer = Answer(lines[index].received) { take(answer, &lines[index]) }
            }
        }
    }

    private func ask(_ line: inout Line) {
        if line.socket < 0 { line.socket = Self.connected(to: port) }
        guard line.socket >= 0 else { return }
        line.asked += 1
        let body = #"{"userId":"hammer-\#(line.number)","items":[{"sku":"ABC","qty":1}],"total":9.99}"#
        let request = """
            POST /orders HTTP/1.1\r
            Host: localhost\r
            Content-Type: application/json\r
            Idempotency-Key: "\(name)-\(line.number)-\(line.asked)"\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """
        let bytes = Array(request.utf8)
        line.isWaiting = send(line.socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
        if !line.isWaiting { abandon(&line) }
    }

    private func take(_ answer: Answer, _ line: inout Line) {
        line.received.removeAll(keepingCapacity: true)
        line.isWaiting = false
        tally.withLock { tally in
            tally.statuses[answer.status, default: 0] += 1
            if answer.status == 201, let id = answer.orderID { tally.accepted.append(id) }
            if answer.status == 503, !answer.saysWhen { tally.withoutRetryAfter += 1 }
        }
        if answer.closes { hangUp(&line) }
    }

    private func abandon(_ line: inout Line) {
        if line.isWaiting { tally.withLock { $0.broken += 1 } }
        hangUp(&line)
    }

    private func hangUp(_ line: inout Line) {
        close(line.socket)
        line.socket = -1
        line.isWaiting = false
        line.received.removeAll()
    }

    private static func connected(to port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return -1 }
        let isConnected = LocalPort.withAddress(port) { connect(descriptor, $0, $1) == 0 }
        guard isConnected else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    /// As much of an answer as matters here; nil while it isn't complete.
    private struct Answer {
        let status: Int
        let saysWhen: Bool
        let closes: Bool
        let orderID: String?

        init?(_ bytes: [UInt8]) {
            let text = String(decoding: bytes, as: UTF8.self)
            guard let end = text.range(of: "\r\n\r\n") else { return nil }
            let lines = text[..<end.lowerBound].split(separator: "\r\n").map { $0.lowercased() }
            func field(_ name: String) -> String? {
                lines.first { $0.hasPrefix(name + ":") }.map {
                    $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
                }
            }
            let body = text[end.upperBound...]
            guard let length = field("content-length").flatMap({ Int($0) }), body.utf8.count >= length else {
                return nil
            }
            status = lines.first.map { $0.split(separator: " ") }.flatMap { $0.count > 1 ? Int($0[1]) : nil } ?? 0
            saysWhen = field("retry-after") != nil
            closes = field("connection") == "close"
            let mark = #""orderId":""#
            orderID = body.range(of: mark).map { String(body[$0.upperBound...].prefix { $0 != "\"" }) }
        }
    }
}
