import Glibc
import HTTPServer
import Randomness
import Testing

/// Bodies that are taken in pieces, and answers that begin before their end.
@Suite struct UploadTests {
    private static func head(_ path: String, _ fields: String...) -> String {
        "POST \(path) HTTP/1.1\r\nHost: a\r\n" + fields.map { "\($0)\r\n" }.joined() + "\r\n"
    }

    private static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) } }

    private static func chunks(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var encoded: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let chunk = rest.prefix(Int.random(in: 1...30_000, using: &random))
            rest = rest.dropFirst(chunk.count)
            encoded += Array("\(String(chunk.count, radix: 16));x=\"y\"\r\n".utf8) + chunk + Array("\r\n".utf8)
        }
        return encoded + Array("0\r\nTrailer: z\r\n\r\n".utf8)
    }

    /// The content of an answer in chunks.
    private static func content(_ client: RawClient) throws -> [UInt8] {
        var content: [UInt8] = []
        while true {
            let line = try client.receive(until: "\r\n")
            guard let size = Int(line.dropLast(1), radix: 16) else { throw RawClient.Failure(message: "size \(line)") }
            content += try client.bytes(size)
            #expect(try client.receive(until: "\r\n") == "\r\n")
            if size == 0 { return content }
        }
    }

    /// Whatever the framing and the pieces, the receiver gets the body, the answer comes whole, and the connection goes
    /// on with the request behind it.
    @Test(arguments: [true, false])
    func bodiesOfAnyPiecesAreEchoed(_ isChunked: Bool) async throws {
        try await TestServer.run { server in
            var random = SeededGenerator.fromEnvironment()
            let client = try server.client()
            for _ in 0..<TestTier.rounds(10) {
                let body = Self.bytes(Int.random(in: 0...200_000, using: &random))
                let head = Self.head(
                    "/upload/echo", isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(body.count)")
                let sent =
                    Array(head.utf8) + (isChunked ? Self.chunks(body, &random) : body)
                    + Array("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
                var rest = sent[...]
                while !rest.isEmpty {
                    let piece = rest.prefix(Int.random(in: 1...50_000, using: &random))
                    rest = rest.dropFirst(piece.count)
                    try client.send(Array(piece))
                }
                let answer = try RawResponse(head: client.receive(until: "\r\n\r\n"))
                #expect(answer.status == 200 && answer.header("Transfer-Encoding") == "chunked")
                #expect(answer.header("X-Early") == "yes" && answer.header("Content-Length") == nil)
                #expect(try Self.content(client) == body)
                #expect(try client.response().body == "hello")
            }
        }
    }

    @Test(.waiting) func aClientMayWriteEverythingBeforeItReads() async throws {
        // Neither the window for writing nor the kernel's buffers are enough for what comes back.
        try await TestServer.run({ $0.timeouts.write = .milliseconds(800) }) { server in
            let client = try server.client(receiveBuffer: 4096)
            let body = Self.bytes(3 << 20)
            try client.send(Self.head("/upload/echo", "Content-Length: \(body.count)"))
            for start in stride(from: 0, to: body.count, by: 1 << 20) {
                try client.send(Array(body[start..<start + 1 << 20]))
                // Longer than the window in which an answer has to be taken, which doesn't run before the body's end.
                if start < 2 << 20 { usleep(1_000_000) }
            }
            _ = try client.receive(until: "\r\n\r\n")
            #expect(try Self.content(client) == body)
        }
    }

    @Test func aPausedReceiverHoldsItsClientBack() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            let body = Self.bytes(TestRoutes.uploadLimit)
            try client.send(Self.head("/upload/later", "Content-Length: \(body.count)"))
            let upload = try server.routes.nextUpload()
            upload.state.update { $0.pausesAt = 100_000 }
            upload.responder.takeBody(by: upload)
            _ = fcntl(client.descriptor, F_SETFL, O_NONBLOCK)
            // Until the kernel's buffers are full: then the server has stopped to read.
            var sent = 0
            var refusals = 0
            while refusals < 50, sent < body.count {
                let count = body.withUnsafeBytes {
                    Glibc.send(client.descriptor, $0.baseAddress! + sent, body.count - sent, Int32(MSG_NOSIGNAL))
                }
                if count > 0 { sent += count } else { refusals += 1; usleep(2000) }
            }
            eventually("what comes before the pause is there") {
                upload.state.withLock { $0.bytes.count } >= 100_000
            }
            #expect(upload.state.withLock { $0.bytes.count } == 100_000)
            _ = fcntl(client.descriptor, F_SETFL, 0)
            upload.goOn()
            try client.send(Array(body[sent...]))
            #expect(upload.wholeBody() == body)
            #expect(try client.response().body == "\(body.count)")
        }
    }

    @Test func aReceiverThatPausesAtTheEndGetsTheRest() async throws {
        try await TestServer.run { server in
            for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
                let client = try server.client()
                let body = framing.hasPrefix("C") ? "abcde" : "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                try client.send(Self.head("/upload/later", framing) + body + "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
                let upload = try server.routes.nextUpload()
                upload.state.update { $0.pausesAt = 2 }
                upload.responder.takeBody(by: upload)
                eventually("it has paused") { upload.state.withLock { $0.bytes.count } == 2 }
                upload.goOn()
                #expect(upload.wholeBody() == Array("abcde".utf8))
                #expect(try client.response().body == "5")
                #expect(try client.response().body == "hello")
            }
        }
    }

    @Test(arguments: [true, false])
    func aClientThatLeavesIsToldOf(_ isReset: Bool) async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.head("/upload", "Content-Length: 10") + "abc")
            let upload = try server.routes.nextUpload()
            if isReset { client.abort() } else { client.finishSending() }
            #expect(upload.failure() == .left)
            // Who has only shut its side reads what has become of it.
            if !isReset {
                let answer = try client.response()
                #expect(answer.status == 400 && answer.header("Connection") == "close")
                #expect(try client.isClosed())
            }
            eventually("it is closed") { server.server.openConnections == 0 }
        }
    }

    @Test func whatIsTooLargeIsRefused() async throws {
        try await TestServer.run { server in
            let known = try server.client()
            try known.send(Self.head("/upload", "Content-Length: \(TestRoutes.uploadLimit + 1)"))
            #expect(try known.response().status == 413)
            #expect(server.routes.uploads.withLock { $0.isEmpty })
            let chunked = try server.client()
            try chunked.send(Self.head("/upload", "Transfer-Encoding: chunked"))
            let upload = try server.routes.nextUpload()
            let piece = Array("100000\r\n".utf8) + Self.bytes(1 << 20) + Array("\r\n".utf8)
            for _ in 0..<4 { try chunked.send(piece) }
            try chunked.send("1\r\n")
            #expect(upload.failure() == .tooLarge)
            #expect(try chunked.response().header("Connection") == "close")
        }
    }

    @Test(arguments: ["x\r\n", "5\r\nabcdefg", "3\nabc"])
    func malformedChunksAreToldOf(_ body: String) async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.head("/upload/echo", "Transfer-Encoding: chunked") + body)
            #expect(try server.routes.nextUpload().failure() == .malformed)
            _ = try client.receive(until: "\r\n\r\n")
            #expect(String(decoding: try Self.content(client), as: UTF8.self).hasSuffix("broke: malformed"))
            #expect(try client.isClosed())
        }
    }

    @Test func whoWaitsIsToldToGoOnOnceTheBodyIsWanted() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.head("/upload/later", "Content-Length: 3", "Expect: 100-continue"))
            let upload = try server.routes.nextUpload()
            upload.responder.takeBody(by: upload)
            #expect(try client.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try client.send("abc")
            #expect(try client.response().body == "3")
            try client.send(Self.head("/upload/refused", "Content-Length: 3", "Expect: 100-continue"))
            let refusal = try client.response()
            #expect(refusal.status == 409 && refusal.header("Connection") == "close")
        }
    }

    @Test func anEmptyBodyIsWholeAtOnce() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            for fields in ["Content-Length: 0", "X: y"] {
                try client.send(Self.head("/upload", fields))
                #expect(try client.response().body == "0")
                try client.send(Self.head("/upload/echo", fields))
                _ = try client.receive(until: "\r\n\r\n")
                #expect(try Self.content(client).isEmpty)
            }
        }
    }

    @Test func oldClientsReadToTheEnd() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send("POST /upload/echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc")
            let answer = try client.receiveAllText()
            #expect(answer.contains("Connection: close\r\n") && answer.hasSuffix("\r\n\r\nabc"))
            #expect(!answer.contains("chunked"))
        }
    }

    @Test(.waiting) func aClientThatTricklesIsCutOff() async throws {
        try await TestServer.run({
            $0.timeouts.body = .milliseconds(200)
            $0.timeouts.leastRate = 1000
        }) { server in
            let slow = try server.client()
            try slow.send(Self.head("/upload", "Content-Length: 1000") + "abc")
            #expect(try server.routes.nextUpload().failure() == .timeout)
            #expect(try slow.response().header("Connection") == "close")
            // Time that the receiver takes isn't the client's.
            let steady = try server.client()
            try steady.send(Self.head("/upload/later", "Content-Length: 3") + "abc")
            let upload = try server.routes.nextUpload()
            usleep(500_000)
            upload.state.update { $0.pausesAt = 1 }
            upload.responder.takeBody(by: upload)
            usleep(500_000)
            upload.goOn()
            #expect(try steady.response().body == "3")
        }
    }

    @Test func aServerThatStopsEndsUploads() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            try client.send(Self.head("/upload/echo", "Content-Length: 10") + "abc")
            let upload = try server.routes.nextUpload()
            eventually("it came") { upload.state.withLock { $0.bytes.count } == 3 }
            async let stopped: Void = server.server.stop(deadline: .seconds(10))
            #expect(upload.failure() == .stopping)
            _ = try client.receive(until: "\r\n\r\n")
            #expect(try Self.content(client) == Array("abcbroke: stopping".utf8))
            client.abort()
            await stopped
        }
    }
}

extension RawClient {
    /// The next `count` bytes.
    fileprivate func bytes(_ count: Int) throws -> [UInt8] {
        while buffered < count {
            guard !(try receiveMore().isEmpty) else { throw Failure(message: "closed within the content") }
        }
        return take(count)
    }
}
