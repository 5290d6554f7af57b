import HTTPServer
import Logging
import Messaging
import Telemetry

/// What is known of a request besides its body: who asks, for which tenant, correlation, trace. Every handler gets it.
public struct RequestContext: Sendable {
    /// Who asks, as the gate found out.
    public let principal: Principal
    /// The principal's own, or the one that `X-Tenant-Id` names where the principal may act for any.
    public let tenant: String
    public let correlationID: String?
    public let traceparent: String?
    /// Who asks, for the audit: the principal's subject. Where callers aren't identified it is what `X-Actor` says, and
    /// may be nil.
    public let actor: String?
    /// The sender of the request: a client, or the gateway before us.
    package var remoteAddress: SocketAddress { place.address }
    let place: RequestPlace
    /// Takes note of what the caller is refused from here on.
    let refusals: RefusedRights?

    /// Of a request that has passed a gate; any other is a mistake in the program, answered 500.
    init(_ request: borrowing HTTPRequest) throws(HTTPProblem) {
        guard let caller = request.caller as? AdmittedCaller else { throw HTTPProblem(.internalServerError) }
        principal = caller.principal
        refusals = caller.refusals
        place = RequestPlace(request)
        tenant = try Self.tenant(request, principal)
        correlationID = try Self.token(request, "X-Correlation-Id", limit: 128)
        actor =
            switch principal.kind {
            case .open: try Self.token(request, "X-Actor", limit: 128)
            case .token, .key: principal.subject
            case .anonymous: nil
            }
        // Without a span of ours the caller's goes on as it is: a made-up parent would tear its trace apart.
        traceparent = (request.observation as? ActiveSpan)?.traceparent ?? Self.traceparent(of: request)
    }

    /// Who asks, as the audit log has it.
    public var auditActor: AuditActor {
        AuditActor(actor ?? "", kind: AuditActor.Kind(principal.kind), origin: remoteAddress.address)
    }

    /// The caller's place in a trace. Several are as good as none: a trace is never a reason to refuse.
    package static func traceparent(of request: borrowing HTTPRequest) -> String? {
        let traces = request.headers("traceparent")
        return traces.count == 1 ? TraceContext(traces[0])?.description : nil
    }

    /// Whose data a request is about.
    static func tenant(_ request: borrowing HTTPRequest, _ principal: Principal) throws(HTTPProblem) -> String {
        guard let name = try namedTenant(request) else { return principal.ownTenant }
        guard principal.mayActFor(name) else { throw AccessRefusal.missing(.tenantsAny) }
        return name
    }

    /// What `X-Tenant-Id` says; nil where it isn't there.
    static func namedTenant(_ request: borrowing HTTPRequest) throws(HTTPProblem) -> String? {
        guard let name = try request.onlyHeader("X-Tenant-Id") else { return nil }
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
