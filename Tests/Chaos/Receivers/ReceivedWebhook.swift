import Foundation
import Glibc

/// One request of a webhook as it came.
struct ReceivedWebhook: Sendable {
    let path: String
    /// By lower-case name.
    let headers: [String: String]
    let body: [UInt8]

    var id: String { headers["webhook-id"] ?? "" }
    var timestamp: Int64 { headers["webhook-timestamp"].flatMap { Int64($0) } ?? 0 }
    var signatures: [Substring] { headers["webhook-signature"]?.split(separator: " ") ?? [] }

    /// The members of the CloudEvent; nil where the body is none.
    var event: (id: String, type: String, subject: String)? {
        guard let json = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any],
            let id = json["id"] as? String, let type = json["type"] as? String, let subject = json["subject"] as? String
        else { return nil }
        return (id, type, subject)
    }
}

/// Requests of a connection, one after the other. Of HTTP/1.1 it knows what our own sender says.
struct ReceivedBytes {
    private let line: Int32
    private var held: [UInt8] = []

    init(_ line: Int32) { self.line = line }

    /// Blocks until a request is complete; nil at the connection's end.
    mutating func next() -> ReceivedWebhook? {
        let end = Array("\r\n\r\n".utf8)
        var head: Range<Int>?
        while head == nil {
            head = held.firstRange(of: end)
            if head == nil, !more() { return nil }
        }
        guard let head else { return nil }
        var lines = String(decoding: held[..<head.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines.removeFirst().split(separator: " ")
        var headers: [String: String] = [:]
        for line in lines {
            let sides = line.split(separator: ":", maxSplits: 1)
            guard sides.count == 2 else { continue }
            headers[sides[0].lowercased()] = sides[1].trimmingCharacters(in: .whitespaces)
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while held.count < head.upperBound + length { guard more() else { return nil } }
        let body = Array(held[head.upperBound..<head.upperBound + length])
        held.removeFirst(head.upperBound + length)
        return ReceivedWebhook(path: words.count > 1 ? String(words[1]) : "", headers: headers, body: body)
    }

    private mutating func more() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = recv(line, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            held += buffer[..<count]
            return true
        }
    }
}
