import Glibc
import Randomness
import Testing

@testable import HTTPServer

/// How bytes are cut into packets must not matter.
@Suite struct SplitTests {
    private static let stream: [(request: String, body: String)] = [
        ("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "hello"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello\r\n\r\nyou", "hello\r\n\r\nyou"),
        ("\r\nGET /orders/a%20b HTTP/1.1\r\nhost: a\r\nX: \(String(repeating: "y", count: 3000))\r\n\r\n", "a b"),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "5\r\nhello\r\n1\r\n \r\n00A\r\n0123456789\r\n0\r\nX: y\r\n\r\n", "hello 0123456789"
        ),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", ""),
        (
            "POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n\(String(repeating: "G", count: 20_000))",
            "20000"
        ),
        ("GET /later HTTP/1.1\r\nHost: a\r\n\r\n", "late"),
        ("GET /query?a=b HTTP/1.1\r\nHost: a\r\n\r\n", "a=b"),
    ]

    @Test func randomSplitsOfPipelinedRequests() async throws {
        var random = SeededGenerator.fromEnvironment()
        for _ in 0..<40 {
            let order = (0..<Int.random(in: 1...30, using: &random)).map { _ in
                Self.stream.randomElement(using: &random)!
            }
            let bytes = order.flatMap { Array($0.request.utf8) }
            // A few hundred pieces at most.
            let largest = max(bytes.count / 100, [1, 3, 20, 500, 5000].randomElement(using: &random)!)
            var cuts: [Int] = []
            while cuts.reduce(0, +) < bytes.count { cuts.append(Int.random(in: 1...largest, using: &random)) }
            try await TestServer.run { [cuts, seed = random.seed] server in
                let client = try server.client()
                // Late answers come from a thread of their own while this one sends.
                let late = order.count { $0.body == "late" }
                async let answered: Void = {
                    for _ in 0..<late { try server.routes.nextWaiting().send(.text(.ok, "late")) }
                }()
                var rest = bytes[...]
                for (index, cut) in cuts.enumerated() {
                    try client.send(Array(rest.prefix(cut)))
                    rest = rest.dropFirst(cut)
                    // Now and then the server gets to see the pieces so far; on a busy machine each time costs much.
                    if index.isMultiple(of: 8) { sched_yield() }
                }
                try await answered
                let received = try order.map { _ in try client.response().body }
                #expect(received == order.map(\.body), "seed \(seed)")
            }
        }
    }

    /// Each prefix on its own, without a network that could join what was cut.
    @Test func scannerFindsTheSameEndForEverySplit() throws {
        let head = Array("POST /echo HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n".utf8)
        let limits = HTTPServerConfiguration.Limits()
        for first in 1..<head.count {
            for second in first..<head.count {
                var scanner = HeadScanner()
                #expect(try scanner.advance(head, count: first, limits: limits) == nil)
                #expect(try scanner.advance(head, count: second, limits: limits) == nil)
                #expect(try scanner.advance(head, count: head.count, limits: limits) == head.count)
            }
        }
    }

    @Test func chunksDecodeTheSameForEverySplit() throws {
        let body = Array("3\r\nabc\r\n0b\r\nhello world\r\n0\r\nX: y\r\n\r\nNEXT".utf8)
        let limits = HTTPServerConfiguration.Limits()
        for first in 0..<(body.count - 4) {
            for compacts in [true, false] {
                var buffer = body
                var decoder = ChunkedDecoder()
                var count = body.count
                #expect(try !decoder.advance(&buffer, count: first, bodyLimit: 14, limits: limits))
                if compacts {
                    // As the connection does it: what follows is received to the new end.
                    let gap = decoder.compact(&buffer, count: first)
                    buffer.replaceSubrange((first - gap)..<first, with: [])
                    count -= gap
                }
                #expect(try decoder.advance(&buffer, count: count, bodyLimit: 14, limits: limits))
                #expect(Array(buffer.prefix(decoder.decoded)) == Array("abchello world".utf8))
                #expect(Array(buffer[decoder.consumed..<count]) == Array("NEXT".utf8))
            }
        }
    }
}
