import Execution
import Foundation
import HTTPServer
import Messaging
import Metrics
import Telemetry

/// The limits on requests of one process: by caller, then by tenant. What a caller is refused doesn't count against its
/// tenant. Answers say what is left in the fields of draft-ietf-httpapi-ratelimit-headers-10: Lists of Structured Fields
/// (RFC 9651), an Item for each quota. A tenant's has its name as partition key, since a caller may ask for several; a
/// caller's own needs none.
///
/// Asked on the event loops, on the way of every request: no allocation but for the fields, no lock that all share.
package final class RequestLimits: Sendable {
    private let principal: Limit?
    private let tenant: Limit?
    /// Those with quotas of their own.
    private let tenants: [String: Limit]
    private let buckets = TokenBuckets()

    /// Nil where nothing is limited.
    package init?(_ settings: LimitSettings) {
        principal = settings.principal.map { Limit(.principal, $0) }
        tenant = settings.tenant.map { Limit(.tenant, $0) }
        tenants = Dictionary(
            settings.tenants.map { ($0.tenant, Limit(.tenant, $0.quota, of: $0.tenant)) }, uniquingKeysWith: { $1 })
        if principal == nil, tenant == nil, tenants.isEmpty { return nil }
    }

    /// Who owns a bucket: a caller and a tenant of one name are two.
    private enum Owner: Hashable {
        case caller(Principal)
        case address(SocketAddress.Origin)
        case tenant(String)

        init(_ caller: Principal, from address: SocketAddress.Origin) {
            switch caller.kind {
            case .token, .key: self = .caller(caller)
            case .open, .anonymous: self = .address(address)
            }
        }
    }

    /// Counts a request, or refuses it.
    ///
    /// - Parameters:
    ///   - caller: one that nobody has identified counts by its address.
    ///   - name: the tenant that it asks for.
    ///   - now: nanoseconds of the monotonic clock.
    /// - Returns: fields of the answer.
    /// - Throws: the 429.
    package func admit(
        _ caller: Principal, from address: SocketAddress.Origin, for name: String, now: Int64
    ) throws(HTTPProblem) -> [HTTPHeader] {
        var policy = ""
        var state = ""
        if let principal {
            let owner = Owner(caller, from: address)
            try principal.tell(buckets.take(owner, principal.quota, now: now), &policy, &state)
        }
        if let tenant = tenants[name] ?? tenant {
            try tenant.tell(buckets.take(Owner.tenant(name), tenant.quota, now: now), &policy, &state, of: name)
        }
        return policy.isEmpty ? [] : [HTTPHeader("RateLimit-Policy", policy), HTTPHeader("RateLimit", state)]
    }

    /// Counts one of many in a request that was let in. Nil where it may be; else nanoseconds until one more may.
    package func refuses(
        _ caller: Principal, from address: SocketAddress.Origin, for name: String, now: Int64
    ) -> Int64? {
        if let principal {
            let verdict = buckets.take(Owner(caller, from: address), principal.quota, now: now)
            if !verdict.isGranted { return principal.refuse(verdict) }
        }
        if let tenant = tenants[name] ?? tenant {
            let verdict = buckets.take(Owner.tenant(name), tenant.quota, now: now)
            if !verdict.isGranted { return tenant.refuse(verdict) }
        }
        return nil
    }

    package static func clock() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// One quota with its name.
private struct Limit: Sendable {
    enum Kind: String { case principal, tenant }

    let quota: Quota
    private let kind: Kind
    private let policy: String
    private let refused: Counter

    /// - Parameter tenant: where the quota is of one tenant only.
    init(_ kind: Kind, _ quota: Quota, of tenant: String? = nil) {
        self.quota = quota
        self.kind = kind
        policy = "\"\(kind.rawValue)\";q=\(quota.burst);w=\(quota.window)"
        let labels = [("limit", kind.rawValue), ("tenant", tenant ?? "")]
        refused = Counter(label: "orderflow_limit_refused_requests_total", dimensions: labels)
        Meter(label: "orderflow_limit_requests_per_second", dimensions: labels).set(quota.rate)
        Meter(label: "orderflow_limit_burst_requests", dimensions: labels).set(quota.burst)
    }

    func refuse(_ verdict: Quota.Verdict) -> Int64 {
        refused.increment()
        return verdict.wait
    }

    /// Adds what the answer says of this quota; throws the refusal.
    func tell(
        _ verdict: Quota.Verdict, _ policies: inout String, _ states: inout String, of tenant: String? = nil
    ) throws(HTTPProblem) {
        // Which of the quota's buckets it is: a tenant's name as a Byte Sequence (RFC 9651 §3.3.5).
        let partition = tenant.map { ";pk=:\(Data($0.utf8).base64EncodedString()):" } ?? ""
        let seconds = (verdict.wait + 999_999_999) / 1_000_000_000
        if !policies.isEmpty {
            policies += ", "
            states += ", "
        }
        policies += policy
        policies += partition
        states += "\"\(kind.rawValue)\";r=\(verdict.remaining);t=\(seconds)\(partition)"
        guard !verdict.isGranted else { return }
        refused.increment()
        throw HTTPProblem(
            .tooManyRequests, type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
            title: "Quota exceeded",
            detail: kind == .principal
                ? "more requests than one caller may make: \(quota.rate) a second, \(quota.burst) at once"
                : "more requests than all callers of the tenant may make: \(quota.rate) a second, \(quota.burst) at once",
            members: Array("\"violated-policies\":[\"\(kind.rawValue)\"]".utf8),
            headers: [
                HTTPHeader("Retry-After", String(seconds)), HTTPHeader("RateLimit-Policy", policies),
                HTTPHeader("RateLimit", states),
            ])
    }
}
