import HTTPServer
import JSON
import Networks
import TestServers
import Testing

@testable import OrderflowKit

/// What a caller sees of the limits. None of the quotas here comes back while a test runs.
@Suite(.blocking, .servers) struct RequestLimitsTests {
    /// Lets in whom `X-Caller` names: nobody in particular, or a key of the tenant after the colon.
    private struct NamingGate: AccessGate {
        func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal {
            guard let text = request.header("X-Caller") else { return .open }
            let parts = text.split(separator: ":").map(String.init)
            return Principal(.key, subject: parts[0], tenant: parts[1], rights: .all)
        }
    }

    private static let routes = [
        Routes(needing: .ordersRead) {
            Get("/orders") { _, context in .text(.ok, context.tenant) }
            Get("/mishap") { _ in throw HTTPProblem(.conflict) }
        },
        Routes(needing: .open) { Get("/livez") { _ in .text(.ok, "ok") } },
        Routes(needing: .operate) { Get("/metrics") { _ in .text(.ok, "metrics") } },
    ]

    private func run(
        _ settings: LimitSettings, proxies: TrustedProxies = TrustedProxies(),
        _ body: @escaping @Sendable (_ ask: (String, [String: String]) throws -> WireClient.Answer) throws -> Void
    ) async throws {
        let limits = RequestLimits(settings)
        let gate = NamingGate()
        let router = Router(Self.routes, gate: limits.map { LimitedGate(gate, $0) } ?? gate)
        try await serving(
            router, with: [], proxies: proxies,
            toBlocking: { port in
                try body { path, headers in
                    let client = try WireClient(port: port)
                    try client.get(path, headers)
                    return try client.answer()
                }
            })
    }

    private static func settings(
        rate: Int? = nil, burst: Int? = nil, tenantRate: Int? = nil, tenantBurst: Int? = nil,
        tenants: [TenantQuota] = []
    ) -> LimitSettings {
        var settings = LimitSettings()
        settings.rate = rate
        settings.burst = burst
        settings.tenantRate = tenantRate
        settings.tenantBurst = tenantBurst
        settings.tenants = tenants
        return settings
    }

    @Test func nothingIsSaidWhereNothingIsLimited() async throws {
        #expect(RequestLimits(LimitSettings()) == nil)
        try await run(LimitSettings()) { ask in
            let answer = try ask("/orders", [:])
            #expect(answer.status == 200 && answer.header("RateLimit") == nil)
        }
    }

    /// A rate of one a second and a burst of two: what is asked within the test's first second is counted exactly.
    @Test func aCallerIsToldWhatIsLeftAndThenRefused() async throws {
        try await run(Self.settings(rate: 1, burst: 3)) { ask in
            let key = ["X-Caller": "checkout:acme"]
            let first = try ask("/orders", key)
            #expect(first.status == 200 && first.body == "acme")
            #expect(first.header("RateLimit-Policy") == "\"principal\";q=3;w=3")
            #expect(first.header("RateLimit") == "\"principal\";r=2;t=1")
            // On a problem too.
            #expect(try ask("/mishap", key).header("RateLimit") != nil)
            var refused = try ask("/orders", key)
            for _ in 0..<1_000 where refused.status == 200 { refused = try ask("/orders", key) }
            #expect(refused.status == 429)
            #expect(refused.header("Retry-After") == "1")
            #expect(refused.header("Content-Type") == "application/problem+json")
            #expect(refused.header("RateLimit") == "\"principal\";r=0;t=1")
            #expect(refused.header("RateLimit-Policy") == "\"principal\";q=3;w=3")
            let problem = try JSONValue(parsing: refused.body)
            #expect(problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded")
            #expect(problem["violated-policies"]?.array == ["principal"])
            // Of the same name elsewhere, another name, and health are not.
            for headers in [["X-Caller": "checkout:globex"], ["X-Caller": "other:acme"], [:]] {
                #expect(try ask("/orders", headers).status == 200)
            }
            for path in ["/livez", "/metrics"] { #expect(try ask(path, key).status == 200, "\(path)") }
        }
    }

    @Test func callersOfOneTenantShareItsQuota() async throws {
        let own = TenantQuota(tenant: "acme", quota: Quota(rate: 1, burst: 1))
        try await run(Self.settings(rate: 1000, tenantRate: 1, tenantBurst: 1000, tenants: [own])) { ask in
            let first = try ask("/orders", ["X-Caller": "a:acme"])
            #expect(first.header("RateLimit-Policy") == "\"principal\";q=2000;w=2, \"tenant\";q=1;w=1;pk=:YWNtZQ==:")
            var refused = try ask("/orders", ["X-Caller": "b:acme"])
            for _ in 0..<1_000 where refused.status == 200 { refused = try ask("/orders", ["X-Caller": "b:acme"]) }
            #expect(refused.status == 429)
            #expect(try JSONValue(parsing: refused.body)["violated-policies"]?.array == ["tenant"])
            // Others have the general quota, and so has who asks for another tenant's data.
            #expect(try ask("/orders", ["X-Caller": "c:globex"]).status == 200)
            #expect(try ask("/orders", ["X-Caller": "a:acme", "X-Tenant-Id": "globex"]).status == 200)
        }
    }

    /// What draft-ietf-httpapi-ratelimit-headers-10 asks of both fields, for quotas of every kind.
    @Test(arguments: [(1, 1), (1, 50), (7, 3), (1_000, 1), (2, 100), (Quota.largest, Quota.largest)])
    func theFieldsAreWhatTheDraftSays(rate: Int, burst: Int) throws {
        let limits = try #require(
            RequestLimits(Self.settings(rate: rate, burst: burst, tenantRate: rate, tenantBurst: burst)))
        let caller = Principal(.key, subject: "key:a", tenant: "acme", rights: .all)
        let address = try #require(SocketAddress(addressText: "127.0.0.1")).origin
        var isRefused = false
        for turn in 0..<60 where !isRefused {
            let tenant = "t-\(turn % 2)"
            var fields: [HTTPHeader]
            do {
                fields = try limits.admit(caller, from: address, for: tenant, now: 5_000_000_000)
            } catch {
                fields = error.headers
                isRefused = true
            }
            func items(_ name: String) throws -> [StructuredList.Item] {
                let field = try #require(fields.first { $0.name == name })
                return try StructuredList(field.value).items
            }
            let (policies, states) = (try items("RateLimit-Policy"), try items("RateLimit"))
            #expect(policies.map(\.value) == states.map(\.value))
            #expect(policies.map(\.value) == Array([.string("principal"), .string("tenant")].prefix(policies.count)))
            var longest = 0
            for (policy, state) in zip(policies, states) {
                guard case .integer(let quota) = policy.parameters["q"],
                    case .integer(let window) = policy.parameters["w"],
                    case .integer(let rest) = state.parameters["r"], case .integer(let reset) = state.parameters["t"]
                else {
                    Issue.record("\(fields)")
                    return
                }
                #expect(quota == burst && window > 0 && (0..<quota).contains(rest) && reset >= 0)
                // One more is back by then.
                #expect(reset == 1)
                longest = max(longest, reset)
                let partition = policy.value == .string("tenant") ? StructuredList.Value.bytes(Array(tenant.utf8)) : nil
                #expect(policy.parameters["pk"] == partition && state.parameters["pk"] == partition)
                #expect(policy.parameters.count == (partition == nil ? 2 : 3))
                #expect(state.parameters.count == policy.parameters.count)
            }
            if isRefused {
                let retry = try #require(fields.first { $0.name == "Retry-After" }.flatMap { Int($0.value) })
                #expect(retry >= longest, "never earlier than the fields say")
            }
        }
        #expect(isRefused == (burst < 60))
    }

    /// Where nobody is asked who it is, an address is the caller: a client's behind a trusted proxy.
    @Test func anAddressIsTheCallerInOpenMode() async throws {
        let proxies = TrustedProxies([try #require(AddressRange("127.0.0.1"))])
        try await run(Self.settings(rate: 1, burst: 1), proxies: proxies) { ask in
            let near = ["X-Forwarded-For": "2001:db8::1"]
            var refused = try ask("/orders", near)
            for _ in 0..<1_000 where refused.status == 200 { refused = try ask("/orders", near) }
            #expect(refused.status == 429)
            #expect(try ask("/orders", ["X-Forwarded-For": "2001:db8:1::1"]).status == 200)
        }
    }
}
