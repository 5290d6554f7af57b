import Execution
import HTTPServer
import JSON
import Logging

/// A collector of OpenTelemetry traces on this machine.
final class TraceCollector: Sendable {
    struct Span: Sendable {
        let service: String
        let trace: String
        let id: String
        let parent: String?
        let name: String
        let kind: Int64
        let attributes: [String: String]
        let isFailed: Bool
    }

    private let server: HTTPServer
    private let received: Monitor<[Span]>
    let port: Int

    init() throws {
        let received = Monitor<[Span]>([])
        let router = Router(
            RouteGroup {
                Endpoint(.post, "/v1/traces", .bodyLimit(16 << 20)) { request, responder in
                    let spans = try Self.spans(Array(request.body))
                    received.update { $0 += spans }
                    responder.send(.json(.ok, Array("{}".utf8)))
                }
            })
        server = HTTPServer(
            HTTPServerConfiguration(host: "127.0.0.1", port: 0), router: router,
            logger: Logger(label: "collector", factory: { _ in SwiftLogNoOpLogHandler() }))
        port = Int(try server.start()[0].port)
        self.received = received
    }

    var url: String { "http://127.0.0.1:\(port)" }

    /// What has come of one trace; of all without `trace`.
    func spans(of trace: String? = nil) -> [Span] {
        received.withLock { $0.filter { trace == nil || $0.trace == trace } }
    }

    private static func spans(_ body: [UInt8]) throws -> [Span] {
        var spans: [Span] = []
        for resource in try JSONValue(parsing: body)["resourceSpans"]?.array ?? [] {
            let service = attributes(resource["resource"])["service.name"] ?? ""
            for scope in resource["scopeSpans"]?.array ?? [] {
                for span in scope["spans"]?.array ?? [] { spans.append(Self.span(span, of: service)) }
            }
        }
        return spans
    }

    private static func span(_ span: JSONValue, of service: String) -> Span {
        let isFailed = span["status"]?["code"]?.int64 == 2
        return Span(
            service: service, trace: span["traceId"]?.string ?? "", id: span["spanId"]?.string ?? "",
            parent: span["parentSpanId"]?.string, name: span["name"]?.string ?? "", kind: span["kind"]?.int64 ?? 0,
            attributes: attributes(span), isFailed: isFailed)
    }

    private static func attributes(_ value: JSONValue?) -> [String: String] {
        var attributes: [String: String] = [:]
        for attribute in value?["attributes"]?.array ?? [] {
            guard let name = attribute["key"]?.string, let value = attribute["value"] else { continue }
            attributes[name] = value["stringValue"]?.string ?? value["intValue"]?.string ?? value.description
        }
        return attributes
    }
}
