import Execution
import HTTPServer
import Logging
import Orders
import Outbound
import PaymentFacts
import TestServers
import Testing

@testable import OrderflowKit
@testable import Payment

@Suite struct HTTPGatewayTests {
    /// A gateway on this machine that answers as it is told and remembers what it was sent.
    final class Remote: Sendable {
        enum Reply: Sendable {
            case answer(Int, String)
            /// Keeps the request and says nothing.
            case silence
        }

        struct Seen: Sendable {
            let path: String
            let key: String?
            let authorization: String?
            let body: String
        }

        let url: String
        let seen = Monitor<[Seen]>([])
        private let held = Monitor<[Responder]>([])
        private let server: HTTPServer

        convenience init(_ replies: Reply...) throws { try self.init(replies) }

        init(_ replies: [Reply]) throws {
            let rest = Monitor(replies[...])
            let (seen, held) = (seen, held)
            let router = Router(
                RouteGroup {
                    for path in ["/v1/charges", "/v1/refunds"] {
                        Endpoint(.post, path) { request, responder in
                            let entry = Seen(
                                path: request.path, key: request.header("Idempotency-Key"),
                                authorization: request.header("Authorization"),
                                body: String(decoding: request.body, as: UTF8.self))
                            seen.update { $0.append(entry) }
                            // The last reply is given again and again.
                            let reply = rest.withLock { $0.count > 1 ? $0.removeFirst() : $0[$0.startIndex] }
                            switch reply {
                            case .answer(let status, let body):
                                responder.send(.json(HTTPStatus(rawValue: status), Array(body.utf8)))
                            case .silence: held.withLock { $0.append(responder) }
                            }
                        }
                    }
                })
            server = HTTPServer(
                HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: router, observer: nil, logger: quiet)
            url = "http://127.0.0.1:\(try server.start()[0].port)/v1/"
        }

        func gateway(timeout: Duration = .seconds(30)) -> HTTPGateway {
            var configuration = HTTPGateway.Configuration(url: url)
            configuration.token = "secret-token"
            configuration.timeout = timeout
            return HTTPGateway(configuration)
        }
    }

    private static let charge = GatewayCharge(
        idempotencyKey: "key-1", orderID: "o\"1", userID: "u", amount: Money(minorUnits: 4_990, currency: .usd),
        paymentToken: "tok")
    private static let refund = GatewayRefund(
        idempotencyKey: "key-2", orderID: "o1", amount: Money(minorUnits: 4_990, currency: .usd), chargeReference: "c")

    /// libcurl blocks, so it isn't called on a thread of the cooperative pool.
    private func result(
        _ body: @escaping @Sendable () throws(GatewayError) -> String
    ) async throws -> Result<String, GatewayError> {
        try await DedicatedThread.run("gateway") { Result { () throws(GatewayError) in try body() } }
    }

    @Test func requestIsCompleteAndKeyed() async throws {
        let remote = try Remote(.answer(201, #"{"reference":"ch_1","more":[1]}"#))
        let gateway = remote.gateway()
        #expect(
            try await result { () throws(GatewayError) in try gateway.charge(Self.charge) } == .success("ch_1"))
        #expect(
            try await result { () throws(GatewayError) in try gateway.refund(Self.refund) } == .success("ch_1"))
        let seen = remote.seen.withLock { $0 }
        #expect(seen.map(\.path) == ["/v1/charges", "/v1/refunds"])
        #expect(seen.map(\.key) == ["key-1", "key-2"])
        #expect(seen.map(\.authorization) == ["Bearer secret-token", "Bearer secret-token"])
        #expect(
            seen.map(\.body) == [
                #"{"orderId":"o\"1","userId":"u","amount":49.90,"currency":"USD","paymentToken":"tok"}"#,
                #"{"orderId":"o1","chargeReference":"c","amount":49.90,"currency":"USD"}"#,
            ])
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let status: Int
        let body: String
        let error: GatewayError
        var testDescription: String { "\(status) \(body)" }
    }

    private static let noReference = GatewayError.undecided("HTTP 200 without a reference to keep")

    static let refusals = [
        Case(status: 402, body: #"{"reason":"no money"}"#, error: .declined("no money")),
        Case(status: 402, body: "not JSON", error: .declined("HTTP 402")),
        Case(status: 422, body: #"{"title":"t","detail":"d"}"#, error: .declined("d")),
        Case(
            status: 400, body: #"{"detail":"the amount must be positive"}"#,
            error: .declined("the amount must be positive")),
        Case(status: 400, body: #"{"detail":"a\u0000b"}"#, error: .declined("HTTP 400")),
        Case(status: 400, body: String(repeating: " ", count: 200_000), error: .declined("HTTP 400")),
        Case(status: 200, body: "", error: noReference),
        Case(status: 200, body: "{}", error: noReference),
        Case(status: 200, body: "<html>", error: noReference),
        Case(status: 200, body: "\u{FEFF}{}", error: noReference),
        Case(status: 200, body: #"["c"]"#, error: noReference),
        Case(status: 200, body: #"{"reference":""}"#, error: noReference),
        Case(status: 200, body: #"{"reference":7}"#, error: noReference),
        Case(status: 200, body: #"{"reference":null}"#, error: noReference),
        Case(status: 200, body: #"{"reference":"c""#, error: noReference),
        Case(status: 200, body: #"{"reference":"c"} {"reference":"d"}"#, error: noReference),
        // What PostgreSQL can't hold, and what nobody should have to.
        Case(status: 200, body: #"{"reference":"c\u0000"}"#, error: noReference),
        Case(status: 200, body: #"{"reference":"\ud800"}"#, error: noReference),
        Case(status: 200, body: #"{"reference":"\#(String(repeating: "c", count: 501))"}"#, error: noReference),
        Case(status: 200, body: String(repeating: " ", count: 200_000), error: noReference),
        Case(status: 500, body: #"{"reference":"c","reason":"oops"}"#, error: .unavailable("HTTP 500")),
    ]

    @Test(arguments: refusals) func answerIsUnderstood(_ item: Case) async throws {
        let remote = try Remote(.answer(item.status, item.body))
        let gateway = remote.gateway()
        #expect(
            try await result { () throws(GatewayError) in try gateway.charge(Self.charge) } == .failure(item.error))
    }

    /// No status is nobody's: each is done, the final no to one call, or asked again, as an outage or not.
    @Test func everyStatusIsDecided() async throws {
        let statuses = Array(200...599)
        let remote = try Remote(statuses.map { .answer($0, #"{"reason":"no"}"#) })
        let gateway = remote.gateway()
        for status in statuses {
            let answer = try await result { () throws(GatewayError) in try gateway.refund(Self.refund) }
            let expected: GatewayError =
                switch status {
                case 200...299: .undecided("HTTP \(status) without a reference to keep")
                case 408, 409, 425: .undecided("HTTP \(status)")
                case 429: .unavailable("HTTP 429")
                case 400...499: .declined("no")
                default: .unavailable("HTTP \(status)")
                }
            #expect(answer == .failure(expected))
            #expect(expected.isOutage == (status == 429 || (300...399).contains(status) || status >= 500))
        }
    }

    /// A call that the gateway refuses, or answers in riddles, however often: nobody else waits for it.
    @Test(.servers) func oneCallsAnswersAreNoOutage() async throws {
        let remote = try Remote([.answer(200, "{}"), .answer(409, ""), .answer(400, #"{"detail":"not this one"}"#)])
        let breaker = CircuitBreaker(name: "test", threshold: 1, cooldown: .seconds(3_600))
        try await DedicatedThread.run("test") {
            let payments = try PaymentFixture()
            payments.startWorker(remote.gateway(), breaker: breaker)
            for order in ["1", "2", "3"] {
                try payments.send(payments.charge(order))
                try payments.wait(for: order, .declined)
                #expect(try payments.facts(of: order) == [PaymentFailed.type])
            }
        }
        #expect(breaker.state == .closed)
    }

    /// A refund that is refused is told to whoever asked for it.
    @Test(.servers) func aRefusedRefundIsTold() async throws {
        let remote = try Remote([.answer(200, #"{"reference":"ch_1"}"#), .answer(404, #"{"detail":"no such charge"}"#)])
        let breaker = CircuitBreaker(name: "test", threshold: 1, cooldown: .seconds(3_600))
        try await DedicatedThread.run("test") {
            let payments = try PaymentFixture()
            payments.startWorker(remote.gateway(), breaker: breaker)
            try payments.send(payments.charge("1"))
            try payments.wait(for: "1", .charged)
            try payments.send(payments.undo("1"))
            try payments.wait(for: "1", .refundRefused)
            #expect(try payments.facts(of: "1") == [PaymentProcessed.type, PaymentRefundFailed.type])
        }
        #expect(breaker.state == .closed)
    }

    @Test func nobodyThereIsUnavailable() async throws {
        var configuration = HTTPGateway.Configuration(url: "http://127.0.0.1:1")
        configuration.timeout = .seconds(30)
        let gateway = HTTPGateway(configuration)
        let answer = try await result { () throws(GatewayError) in try gateway.charge(Self.charge) }
        guard case .failure(.unavailable) = answer else {
            Issue.record("\(answer)")
            return
        }
    }

    @Test func silenceIsUnknown() async throws {
        let remote = try Remote(.silence)
        let gateway = remote.gateway(timeout: .milliseconds(300))
        let answer = try await result { () throws(GatewayError) in try gateway.charge(Self.charge) }
        #expect(remote.seen.withLock { $0.count } == 1)
        guard case .failure(.unknown) = answer else {
            Issue.record("\(answer)")
            return
        }
    }

    /// Silence after the charge, then errors, then the answer: one key throughout, one fact at the end.
    @Test(.servers) func unknownOutcomeIsAskedAgainWithTheSameKey() async throws {
        let remote = try Remote(
            .silence, .answer(500, ""), .answer(409, ""), .answer(200, #"{"reference":"ch_9"}"#))
        try await DedicatedThread.run("test") {
            let payments = try PaymentFixture()
            try payments.send(payments.charge("1"))
            payments.startWorker(remote.gateway(timeout: .milliseconds(300)))
            try payments.wait(for: "1", .charged)
            payments.stopWorkers()
            #expect(try payments.facts(of: "1") == [PaymentProcessed.type])
        }
        let keys = remote.seen.withLock { $0.map(\.key) }
        #expect(keys.count == 4)
        #expect(Set(keys).count == 1)
    }

    @Test func headerThatCouldStartAnotherIsRefused() async throws {
        let client = HTTPClient()
        for (name, value) in [("A", "b\r\nC: d"), ("A\n", "b"), ("", "b"), ("A", "")] {
            #expect(throws: HTTPClientError.self) {
                try client.send(HTTPClient.Request(url: "http://127.0.0.1:1/", headers: [(name, value)]))
            }
        }
        #expect(throws: HTTPClientError.notSent("the URL must start with http:// or https://")) {
            try client.send(HTTPClient.Request(url: "file:///etc/passwd"))
        }
    }
}
