import HTTPServer
import Logging
import Messaging
import Telemetry

/// What a request says about itself besides its body: tenant, correlation, trace, who asks. Every handler gets it.
public struct RequestContext: Sendable {
    public let tenant: String
    public let correlationID: String?
    public let traceparent: String?
    public let actor: String?

    init(_ request: borrowing HTTPRequest) throws(HTTPProblem) {
        tenant = try Self.tenant(request)
        correlationID = try Self.token(request, "X-Correlation-Id", limit: 128)
        actor = try Self.token(request, "X-Actor", limit: 128)
        // Without a span of ours the caller's goes on as it is: a made-up parent would tear its trace apart.
        traceparent = (request.observation as? ActiveSpan)?.traceparent ?? Self.traceparent(of: request)
    }

    /// The caller's place in a trace. Several are as good as none: a trace is never a reason to refuse.
    package static func traceparent(of request: borrowing HTTPRequest) -> String? {
        let traces = request.headers("traceparent")
        return traces.count == 1 ? TraceContext(traces[0])?.description : nil
    }

    private static func tenant(_ request: borrowing HTTPRequest) throws(HTTPProblem) -> String {
        guard let name = try request.onlyHeader("X-Tenant-Id") else { return TenantName.standard }
        guard TenantName.isValid(name) else {
            throw HTTPProblem(
                .badRequest,
                detail: "X-Tenant-Id must have 1 to \(TenantName.limit) letters, digits and . _ - of ASCII")
        }
        return name
    }

    /// A header whose value goes into keys, columns and Kafka headers: visible ASCII, bounded.
    private static func token(
        _ request: borrowing HTTPRequest, _ name: String, limit: Int
    ) throws(HTTPProblem) -> String? {
        guard let value = try request.onlyHeader(name) else { return nil }
        guard !value.isEmpty, value.utf8.count <= limit, value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw HTTPProblem(
                .badRequest, detail: "\(name) must have 1 to \(limit) visible ASCII characters")
        }
        return value
    }

    /// What log lines say of a request about an order.
    package func logFields(_ key: OrderKey) -> Logger.Metadata {
        requestFields.merging(["order_id": "\(key.orderID)"]) { $1 }
    }

    /// What log lines say of a request.
    public var requestFields: Logger.Metadata {
        var fields: Logger.Metadata = ["tenant": "\(tenant)"]
        fields["correlation_id"] = correlationID.map { "\($0)" }
        return fields.merging(TraceContext.logFields(traceparent)) { $1 }
    }
}
