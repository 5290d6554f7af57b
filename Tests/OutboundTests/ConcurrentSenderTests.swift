import Execution
import Foundation
import HTTPServer
import Logging
import Networks
import TestServers
import Testing

@testable import Outbound

/// The sender against servers on the loopback, which it may call here.
@Suite(.blocking) struct ConcurrentSenderTests {
    private final class Server: Sendable {
        let seen = Monitor(0)
        let held = Monitor<[Responder]>([])
        private let server: HTTPServer
        let port: Int

        init() throws {
            let (seen, held) = (seen, held)
            let router = Router(
                RouteGroup {
                    Endpoint(.post, "/status/:code") { request, responder in
                        seen.update { $0 += 1 }
                        let code = try request.pathParameter("code", as: Int.self)
                        let headers = request.header("X-Wait").map { [HTTPHeader("Retry-After", $0)] } ?? []
                        let text = "\(code) \(String(decoding: request.body, as: UTF8.self))"
                        responder.send(.text(HTTPStatus(rawValue: code), text, headers: headers))
                    }
                    Endpoint(.post, "/moved") { _, responder in
                        responder.send(HTTPResponse(.seeOther, headers: [HTTPHeader("Location", "/status/200")]))
                    }
                    Endpoint(.post, "/bytes/:count") { request, responder in
                        let count = try request.pathParameter("count", as: Int.self)
                        responder.send(HTTPResponse(.ok, body: [UInt8](repeating: 0x61, count: count)))
                    }
                    Endpoint(.post, "/silence") { _, responder in held.update { $0.append(responder) } }
                })
            server = HTTPServer(
                HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: router,
                logger: Logger(label: "outbound-tests", factory: { _ in SwiftLogNoOpLogHandler() }))
            port = Int(try server.start()[0].port)
        }

        func url(_ path: String, host: String = "127.0.0.1") -> String { "http://\(host):\(port)\(path)" }

        func waitForHeld(_ count: Int) throws {
            try eventually("\(count) requests are held") { held.withLock { $0.count } == count }
        }

        func release() {
            let responders = held.withLock { held in
                defer { held = [] }
                return held
            }
            for responder in responders { responder.send(.text(.ok, "at last")) }
        }

        func stop() async { await server.stop(deadline: .zero) }
    }

    private static func sender(
        allowing networks: [String] = ["127.0.0.0/8", "::1"],
        _ change: (inout ConcurrentSender.Configuration) -> Void = { _ in }
    ) throws -> ConcurrentSender {
        var configuration = ConcurrentSender.Configuration()
        configuration.rules = AddressRules(allowing: networks.compactMap { AddressRange($0) })
        change(&configuration)
        return try ConcurrentSender(configuration)
    }

    private func withServer(_ body: (Server) async throws -> Void) async throws {
        let server = try Server()
        do { try await body(server) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    @Test func anAnswerIsAnAnswerWhateverItsStatus() async throws {
        try await withServer { server in
            let sender = try Self.sender()
            for status in [200, 204, 404, 410, 500] {
                let answer = try await sender.post(server.url("/status/\(status)"), "body").get()
                #expect(answer.status == status && answer.retryAfter == nil)
                #expect(status == 204 || String(decoding: answer.body, as: UTF8.self) == "\(status) body")
            }
            for (value, wait) in [
                ("7", Duration.seconds(7)), ("soon", nil), ("-3", nil), ("99999999999999", .seconds(31_557_600)),
            ] {
                let answer = try await sender.post(server.url("/status/429"), headers: [("X-Wait", value)]).get()
                #expect(answer.status == 429 && answer.retryAfter == wait, "\(value)")
            }
        }
    }

    @Test func aRedirectIsNotFollowed() async throws {
        try await withServer { server in
            let answer = try await Self.sender().post(server.url("/moved")).get()
            #expect(answer.status == 303 && server.seen.withLock { $0 } == 0)
        }
    }

    @Test func aLongAnswerIsCutWithItsStatus() async throws {
        try await withServer { server in
            let sender = try Self.sender { $0.answerLimit = 10_000 }
            let long = try await sender.post(server.url("/bytes/1000000")).get()
            #expect(long.status == 200 && long.body.count <= 10_000 && long.body.count > 1_000)
            #expect(try await sender.post(server.url("/bytes/5000")).get().body.count == 5_000)
        }
    }

    /// However the address is written, and whatever name leads there.
    @Test(arguments: [
        "127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0", "0.0.0.0", "[::1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost", "LOCALHOST", "%6cocalhost",
    ]) func whatIsForbiddenIsNeverConnectedTo(_ host: String) async throws {
        try await withServer { server in
            let result = try await Self.sender(allowing: []).post(server.url("/status/200", host: host))
            guard case .failure(.refused(let reason)) = result else {
                Issue.record("\(result)")
                return
            }
            let isName = host.lowercased().hasSuffix("ocalhost")
            #expect(reason.hasPrefix("its name leads to an address that is") == isName, "\(reason)")
            #expect(server.seen.withLock { $0 } == 0)
        }
    }

    @Test func whatIsNoRequestIsRefused() async throws {
        let sender = try Self.sender()
        for (url, header) in [
            ("ftp://127.0.0.1/", ("X-A", "b")), ("http://u:p@127.0.0.1:1/", ("X-A", "b")), ("nonsense", ("X-A", "b")),
            ("http://127.0.0.1:1/", ("X-A", "b\r\nX-B: c")),
        ] {
            guard case .failure(.refused) = await sender.post(url, headers: [header]) else {
                Issue.record("\(url) \(header) was not refused")
                continue
            }
        }
    }

    @Test func failuresSayWhere() async throws {
        let sender = try Self.sender()
        let closed = try LocalPort.unused()
        guard case .failure(.unreachable) = await sender.post("http://127.0.0.1:\(closed)/") else {
            Issue.record("nobody listens there")
            return
        }
        // A label of more than 63 bytes is no name server's to answer (RFC 1035 §2.3.4).
        let name = String(repeating: "a", count: 64) + ".example"
        guard case .failure(.unresolved) = await sender.post("http://\(name)/") else {
            Issue.record("there is no such name")
            return
        }
        for (answer, isCut) in [
            ("", true), ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", true),
            ("HTTP/1.1 200 OK\r\nContent-", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfull", false),
        ] {
            let (port, thread) = try Self.closing(after: answer)
            let result = await sender.post("http://127.0.0.1:\(port)/")
            if case .failure(.cut) = result { #expect(isCut) } else { #expect(!isCut, "\(answer): \(result)") }
            #expect(thread.join(timeout: .seconds(20)))
        }
    }

    /// A server of one connection, which says this and closes.
    private static func closing(after answer: String) throws -> (port: Int, DedicatedThread) {
        let port = try LocalPort.unused()
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        try #require(LocalPort.withAddress(port, { bind(listener, $0, $1) }) == 0 && listen(listener, 1) == 0)
        let thread = DedicatedThread.start("closing") {
            let client = accept(listener, nil, nil)
            var bytes = [UInt8](repeating: 0, count: 4_096)
            _ = recv(client, &bytes, bytes.count, 0)
            let text = Array(answer.utf8)
            _ = send(client, text, text.count, Int32(MSG_NOSIGNAL))
            close(client)
            close(listener)
        }
        return (port, thread)
    }

    /// Those who don't answer take a place each, no thread, and nobody else's turn.
    @Test func theSilentDontHoldUpTheOthers() async throws {
        try await withServer { server in
            let sender = try Self.sender()
            try #require(try await sender.post(server.url("/status/200")).get().status == 200)
            let threads = Self.threads
            let answers = Monitor<[Int]>([])
            for _ in 0..<300 {
                sender.send(.to(server.url("/silence"))) { result in
                    answers.update { $0.append((try? result.get().status) ?? 0) }
                }
            }
            try server.waitForHeld(300)
            for _ in 0..<50 { #expect(try await sender.post(server.url("/status/200")).get().status == 200) }
            #expect(answers.withLock { $0 }.isEmpty)
            #expect(Self.threads < threads + 100)
            server.release()
            try eventually("all are answered") { answers.withLock { $0.count } == 300 }
            #expect(answers.withLock { $0 } == [Int](repeating: 200, count: 300))
        }
    }

    private static var threads: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0
    }

    @Test func whatIsAboveTheLimitWaits() async throws {
        try await withServer { server in
            let sender = try Self.sender { $0.concurrency = 3 }
            let answered = Monitor(0)
            for _ in 0..<10 {
                sender.send(.to(server.url("/silence"))) { result in
                    if case .success = result { answered.update { $0 += 1 } }
                }
            }
            for round in 1...4 {
                try server.waitForHeld(round < 4 ? 3 : 1)
                server.release()
                try eventually("\(round) rounds are answered") { answered.withLock { $0 } == min(10, 3 * round) }
            }
        }
    }

    @Test func timeRunsOutForOneWhoIsSilentAndOneWhoWaits() async throws {
        try await withServer { server in
            let sender = try Self.sender { $0.concurrency = 1 }
            async let first = sender.post(server.url("/silence"), timeout: .milliseconds(300))
            try server.waitForHeld(1)
            let second = await sender.post(server.url("/status/200"), timeout: .milliseconds(100))
            guard case .failure(.timedOut(let silent)) = await first, case .failure(.timedOut) = second else {
                Issue.record("\(await first) \(second)")
                return
            }
            #expect(silent.hasPrefix("no whole answer"))
            #expect(server.seen.withLock { $0 } == 0)
            #expect(try await sender.post(server.url("/status/200")).get().status == 200)
        }
    }

    @Test func stoppingEndsWhatIsUnderWayAndWhatComesLater() async throws {
        try await withServer { server in
            let sender = try Self.sender { $0.concurrency = 2 }
            let ends = Monitor<[DeliveryFailure?]>([])
            for _ in 0..<5 {
                sender.send(.to(server.url("/silence"))) { result in
                    if case .failure(let failure) = result { ends.update { $0.append(failure) } }
                }
            }
            try server.waitForHeld(2)
            sender.stop()
            try eventually("all are told") { ends.withLock { $0.count } == 5 }
            #expect(ends.withLock { $0 } == [DeliveryFailure?](repeating: .stopped, count: 5))
            guard case .failure(.stopped) = await sender.post(server.url("/status/200")) else {
                Issue.record("a stopped sender has sent")
                return
            }
        }
    }

    @Test(.servers) func certificatesAreVerified() async throws {
        let certificates = try TestCertificates()
        let (process, port) = try certificates.listener()
        defer { process.stop() }
        for (host, authority, isTrusted) in [
            ("localhost", certificates.authority, true), ("localhost", certificates.otherAuthority, false),
            ("127.0.0.1", certificates.authority, false), ("localhost", nil, false),
        ] {
            let sender = try Self.sender {
                $0.authorities = authority
                $0.connectTimeout = .seconds(30)
            }
            // This listener has no answer for a POST: that it was sent is all there is to see.
            let timeout: Duration = isTrusted ? .seconds(3) : .seconds(30)
            let result = await sender.post("https://\(host):\(port)/", timeout: timeout)
            switch result {
            case .failure(.tls): #expect(!isTrusted, "\(result)")
            case .failure(.timedOut(let reason)) where reason.hasPrefix("no whole answer"):
                #expect(isTrusted, "\(host) \(authority ?? "the system"): \(result)")
            default: Issue.record("\(host) \(authority ?? "the system"): \(result)")
            }
        }
    }
}

extension DeliveryRequest {
    fileprivate static func to(_ url: String) -> DeliveryRequest {
        DeliveryRequest(url: url, headers: [], body: [], timeout: .seconds(60))
    }
}

extension ConcurrentSender {
    fileprivate func post(
        _ url: String, _ body: String = "", headers: [(name: String, value: String)] = [],
        timeout: Duration = .seconds(20)
    ) async -> Result<DeliveryAnswer, DeliveryFailure> {
        let request = DeliveryRequest(url: url, headers: headers, body: Array(body.utf8), timeout: timeout)
        return await withCheckedContinuation { continuation in
            send(request) { continuation.resume(returning: $0) }
        }
    }
}
