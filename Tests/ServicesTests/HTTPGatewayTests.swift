import Execution
import HTTPServer
import Logging
import Orders
import Outbound
import TestServers
import Testing

@testable import Services

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

        init(_ replies: Reply...) throws {
            let rest = Monitor(replies[...])
            var router = Router()
            let (seen, held) = (seen, held)
            for path in ["/v1/charges", "/v1/refunds"] {
                router.on(.post, path) { request, responder in
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

    static let refusals = [
        Case(status: 402, body: #"{"reason":"no money"}"#, error: .declined("no money")),
        Case(status: 402, body: "not JSON", error: .declined("HTTP 402")),
        Case(status: 422, body: #"{"title":"t","detail":"d"}"#, error: .declined("d")),
        Case(status: 200, body: "{}", error: .unknown("HTTP 200 without a reference")),
        Case(status: 200, body: #"{"reference":""}"#, error: .unknown("HTTP 200 without a reference")),
        Case(status: 200, body: #"{"reference":"c""#, error: .unknown("HTTP 200 without a reference")),
        Case(status: 409, body: "", error: .unknown("HTTP 409")),
        Case(status: 408, body: "", error: .unknown("HTTP 408")),
        Case(status: 303, body: "", error: .unavailable("HTTP 303")),
        Case(status: 401, body: "", error: .unavailable("HTTP 401")),
        Case(status: 429, body: #"{"reason":"slow down"}"#, error: .unavailable("HTTP 429")),
        Case(status: 500, body: #"{"reason":"oops"}"#, error: .unavailable("HTTP 500")),
        Case(status: 503, body: "", error: .unavailable("HTTP 503")),
    ]

    @Test(arguments: refusals) func statusIsUnderstood(_ item: Case) async throws {
        let remote = try Remote(.answer(item.status, item.body))
        let gateway = remote.gateway()
        #expect(
            try await result { () throws(GatewayError) in try gateway.charge(Self.charge) } == .failure(item.error))
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

    @Test func hugeAnswerIsUnknownAndBounded() async throws {
        let remote = try Remote(.answer(200, String(repeating: " ", count: 200_000)))
        let gateway = remote.gateway()
        let answer = try await result { () throws(GatewayError) in try gateway.charge(Self.charge) }
        #expect(answer == .failure(.unknown("the answer has over 65536 bytes")))
    }

    /// Silence after the charge, then errors, then the answer: one key throughout, one fact at the end.
    @Test func unknownOutcomeIsAskedAgainWithTheSameKey() async throws {
        let remote = try Remote(
            .silence, .answer(500, ""), .answer(409, ""), .answer(200, #"{"reference":"ch_9"}"#))
        try await DedicatedThread.run("test") {
            let payments = try PaymentFixture()
            try payments.send(payments.charge("1"))
            payments.startWorker(remote.gateway(timeout: .milliseconds(300)))
            try payments.wait(for: "1", .charged)
            payments.stopWorkers()
            #expect(try payments.facts(of: "1") == [FactType.paymentProcessed])
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
