import Glibc
import HTTPServer
import Randomness
import Testing

/// Damaged requests: whatever comes, the server answers well-formed, closes, and goes on serving others. Run it under
/// the address sanitizer. `ORDERFLOW_FUZZ_SECONDS` sets how long (2 by default).
@Suite struct MutationTests {
    private static let corpus: [String] = FramingTests.accepted.map(\.request) + FramingTests.refused.map(\.request)
    private static let tokens = [
        "\r\n", "\n", "\r", "\0", " ", ":", "\t", "\r\n\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n",
        "Host: b\r\n", "0\r\n\r\n", "ffffffff\r\n", "GET / HTTP/1.1\r\n", "HTTP/1.0", "%", "%00", "/", "?", ";",
        "Expect: 100-continue\r\n", "Connection: close\r\n", "99999999999999999999",
    ]

    @Test func damagedRequestsAreSurvived() async throws {
        let seconds = getenv("ORDERFLOW_FUZZ_SECONDS").flatMap { Int(String(cString: $0)) } ?? 2
        try await TestServer.run {
            // Nobody answers /later here.
            $0.timeouts.head = .milliseconds(200)
            $0.timeouts.body = .milliseconds(200)
        } _: { server in
            var random = SeededGenerator.fromEnvironment()
            let end = ContinuousClock.now + .seconds(seconds)
            var runs = 0
            repeat {
                var bytes = (0..<Int.random(in: 1...3, using: &random)).flatMap { _ in
                    Array(Self.corpus.randomElement(using: &random)!.utf8)
                }
                for _ in 0..<Int.random(in: 1...6, using: &random) { Self.damage(&bytes, &random) }
                let client = try server.client()
                let cut = Int.random(in: 0...bytes.count, using: &random)
                if client.trySend(Array(bytes[..<cut])), client.trySend(Array(bytes[cut...])) { client.finishSending() }
                let received = try client.receiveAll()
                do {
                    let responses = try RawResponse.all(received)
                    #expect(responses.allSatisfy { (200...505).contains($0.status) && $0.status != 500 })
                } catch {
                    // The answer to a HEAD can't be told from one with content.
                    if !bytes.starts(with: Array("HEAD".utf8)) {
                        Issue.record(
                            "\(error); seed \(random.seed), run \(runs), sent \(String(decoding: bytes, as: UTF8.self).debugDescription)"
                        )
                    }
                }
                runs += 1
            } while ContinuousClock.now < end
            print("\(runs) damaged requests")
            #expect(try server.exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").map(\.body) == ["hello"])
        }
    }

    private static func damage(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let at = Int.random(in: 0...bytes.count, using: &random)
        let length = Int.random(in: 0...min(20, bytes.count - at), using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: if at < bytes.count { bytes[at] = UInt8.random(in: 0...255, using: &random) }
        case 1: if at < bytes.count { bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case 2: bytes.removeSubrange(at..<(at + length))
        case 3: bytes.insert(contentsOf: bytes[at..<(at + length)], at: at)
        case 4: bytes.insert(contentsOf: Array(tokens.randomElement(using: &random)!.utf8), at: at)
        default: bytes.removeSubrange(at...)
        }
    }
}
