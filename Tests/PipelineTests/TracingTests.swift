import Execution
import HTTPServer
import Logging
import TestServers
import TestShop
import Testing

/// An order's way as a collector of traces sees it.
@Suite(.serialized, .servers) struct TracingTests {
    /// A payment gateway that takes all the money, and notes where in a trace it was asked.
    private final class Gateway: Sendable {
        let traceparents = Monitor<[String]>([])
        private let server: HTTPServer
        let url: String

        init() throws {
            let traceparents = traceparents
            let router = Router(
                RouteGroup {
                    Endpoint(.post, "/charges") { request, responder in
                        let header = request.header("traceparent") ?? "none"
                        traceparents.update { $0.append(header) }
                        responder.send(.json(.ok, Array(#"{"reference":"ch_1"}"#.utf8)))
                    }
                })
            server = HTTPServer(
                HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: router,
                logger: Logger(label: "gateway", factory: { _ in SwiftLogNoOpLogHandler() }))
            url = "http://127.0.0.1:\(try server.start()[0].port)"
        }
    }

    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let caller = "00f067aa0ba902b7"

    @Test func anOrderIsOneTraceFromItsPostToItsMail() async throws {
        let collector = try TraceCollector()
        let gateway = try Gateway()
        let shop = try Shop()
        let up = try shop.up(settings: [
            "ORDERFLOW_TELEMETRY_OTLP_ENDPOINT": collector.url,
            // Only what a caller wants to be recorded.
            "ORDERFLOW_TELEMETRY_SAMPLE_RATIO": "0",
            "ORDERFLOW_PAYMENT_GATEWAY": "http", "ORDERFLOW_PAYMENT_GATEWAY_URL": gateway.url,
        ])
        try up.start()
        try await up.waitUntilReady()

        let unrecorded = try await up.client.order()
        let answer = try await up.client.post(
            "/orders", ShopClient.simpleOrder, headers: ["traceparent": "00-\(Self.trace)-\(Self.caller)-01"])
        #expect(answer.status == 201)
        let order = try #require(answer.header("Location")?.split(separator: "/").last.map(String.init))
        try await eventually(within: .seconds(60), "both customers have mail") { () async throws -> Bool in
            try shop.mails().count == 2
        }
        // The mail's own fact, which the projection folds in and partners may be told of, is the last thing that happens.
        try? await eventually(within: .seconds(20), "the trace is complete") { () async -> Bool in
            let spans = collector.spans(of: Self.trace)
            let ids = Set(spans.map(\.id) + [Self.caller])
            return spans.allSatisfy { ids.contains($0.parent ?? "") }
                && spans.contains {
                    $0.attributes["orderflow.message.type"] == "NotificationSent"
                        && $0.service == "orderflow-projection"
                }
        }
        let spans = collector.spans(of: Self.trace)
        let byID = Dictionary(spans.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        #expect(byID.count == spans.count)
        let names = spans.map { "\($0.service) \($0.name) < \(byID[$0.parent ?? ""]?.name ?? "?")" }.sorted()

        // One tree, whose root is what the customer did.
        let roots = spans.filter { byID[$0.parent ?? ""] == nil }
        #expect(roots.map(\.name) == ["POST /orders"], "\(names)")
        let root = try #require(roots.first)
        #expect(root.parent == Self.caller)
        #expect(root.service == "orderflow-api")
        #expect(root.kind == 2)
        #expect(root.attributes["http.route"] == "/orders")
        #expect(root.attributes["http.response.status_code"] == "201")
        #expect(!spans.contains { $0.isFailed }, "\(names)")
        // Nobody has a webhook, and so that role has no part in it.
        #expect(
            Set(spans.map(\.service))
                == Set(
                    ["api", "saga", "inventory", "payment", "shipping", "notification", "projection"]
                        .map { "orderflow-\($0)" }))

        func chain(_ start: TraceCollector.Span) -> [String] {
            var names: [String] = []
            var span: TraceCollector.Span? = start
            while let next = span, names.count < 100 {
                names.append(next.name)
                span = byID[next.parent ?? ""]
            }
            return names
        }
        // The mail was caused by the confirmation, and that by the saga.
        let mail = try #require(spans.first { $0.name == "send mail" }, "\(names)")
        #expect(mail.service == "orderflow-notification")
        let cause = chain(mail)
        #expect(
            cause.prefix(5) == [
                "send mail", "process order-events", "send order-events", "process order-commands",
                "send order-commands",
            ])
        #expect(cause.contains { $0.hasPrefix("saga fulfilment: ") })
        #expect(cause.last == "POST /orders")

        // The gateway was asked under the call's span, and the call under the saga's command.
        let call = try #require(spans.first { $0.name == "POST /charges" }, "\(names)")
        #expect(gateway.traceparents.withLock { $0 }.contains("00-\(Self.trace)-\(call.id)-01"))
        #expect(call.kind == 3)
        #expect(
            chain(call).dropFirst().prefix(3) == [
                "charge payment", "process payment-commands", "send payment-commands",
            ])

        // The commit is part of it.
        let commit = try #require(spans.first { $0.name == "commit events" }, "\(names)")
        #expect(chain(commit) == ["commit events", "append order", "POST /orders"])

        for span in spans where span.kind == 5 {
            #expect(span.attributes["messaging.system"] == "kafka")
            #expect(span.attributes["messaging.operation.type"] == "process")
            #expect(span.attributes["messaging.kafka.message.key"] == order)
            #expect(span.attributes["messaging.kafka.offset"].flatMap { Int($0) } != nil)
            #expect(span.attributes["messaging.consumer.group.name"]?.hasSuffix("-group") == true)
            #expect(span.attributes["orderflow.outcome"] == "handled")
            let parent = try #require(byID[span.parent ?? ""])
            #expect(parent.kind == 4)
            for name in ["messaging.destination.name", "messaging.destination.partition.id", "messaging.kafka.offset"] {
                #expect(parent.attributes[name] == span.attributes[name])
            }
        }

        // The other order's trace went on through all services, and nobody recorded it.
        #expect(collector.spans().allSatisfy { $0.trace == Self.trace })
        let passed = try shop.records(of: "order-events").filter { $0.key == unrecorded }.map {
            $0.headers["traceparent"] ?? "none"
        }
        #expect(passed.count > 5)
        #expect(Set(passed).count == 1)
        #expect(passed[0].hasSuffix("-00"))
        #expect(try up.terminate() == 0)
    }
}
