import Foundation
import TestServers
import TestShop
import Testing

/// A batch whose API is killed under it, sent again with its key: every line is one order.
@Suite(.servers) struct BatchCrashTests {
    @Test func aKilledAPILosesAndDoublesNoLine() async throws {
        let shop = try Shop()
        let api = try shop.daemon("api")
        try api.start()
        try await api.waitUntilReady()
        let sent = (1...1_500).map { #"{"userId":"u-\#($0)","items":[{"sku":"A","qty":1}],"total":\#($0)}"# + "\n" }
        var known: [Int: String] = [:]
        // Killed at an answer that is somewhere in the middle, each time further on.
        for stop in [100, 700] {
            let client = try await BatchClient(port: api.port)
            try client.send(sent.joined(), key: "import-1")
            while known.count < stop, let line = try client.line() {
                guard let number = line["line"] as? Int, let id = line["orderId"] as? String else { continue }
                #expect(known.updateValue(id, forKey: number) ?? id == id, "line \(number) is another order now")
            }
            try api.kill()
            // What had come out of the process before.
            while let line = try? client.line() {
                if let number = line["line"] as? Int { known[number] = line["orderId"] as? String }
            }
            try api.start()
            try await api.waitUntilReady()
        }
        let client = try await BatchClient(port: api.port)
        try client.send(sent.joined(), key: "import-1")
        var summary: [String: Any]?
        var replayed = 0
        while summary == nil, let line = try client.line() {
            guard let number = line["line"] as? Int, let id = line["orderId"] as? String else {
                summary = line
                continue
            }
            if line["replayed"] as? Bool == true { replayed += 1 }
            if let before = known.updateValue(id, forKey: number) {
                #expect(before == id && line["replayed"] as? Bool == true, "line \(number) was answered before")
            }
        }
        #expect(summary?["accepted"] as? Int == 1_500 && summary?["lines"] as? Int == 1_500)
        #expect(replayed >= 700)
        #expect(Set(known.values).count == 1_500)
        let database = "orderflow_orders"
        let stored = try shop.postgres.query(
            "SELECT stream_id FROM events WHERE type = 'OrderCreated'", database: database
        ).compactMap(\.first)
        #expect(stored.sorted() == known.values.sorted(), "every line once, and nothing else")
        let counted = try shop.postgres.query(
            "SELECT accepted FROM batches WHERE sealed_at IS NOT NULL", database: database)
        #expect(counted == [["1500"]])
        #expect(try api.terminate() == 0)
    }
}

/// Sends a batch and reads its answer as it comes.
private final class BatchClient {
    private let descriptor: Int32
    private var received: [UInt8] = []

    init(port: Int) async throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let code = LocalPort.withAddress(port) { connect(descriptor, $0, $1) }
        guard code == 0 else { throw POSIXError(.ECONNREFUSED) }
    }

    deinit { close(descriptor) }

    func send(_ body: String, key: String) throws {
        let bytes = Array(
            """
            POST /orders/batch HTTP/1.1\r
            Host: localhost\r
            Content-Type: application/x-ndjson\r
            Idempotency-Key: \(key)\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """.utf8)
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw POSIXError(.EPIPE)
        }
    }

    /// The next line that is an object; nil at the end.
    func line() throws -> [String: Any]? {
        while true {
            while let end = received.firstIndex(of: 0x0A) {
                let line = received[...end]
                received.removeSubrange(...end)
                // Chunk lines and the head's are none.
                if line.first == UInt8(ascii: "{"),
                    let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
                {
                    return object
                }
            }
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            received += buffer[..<count]
        }
    }
}
