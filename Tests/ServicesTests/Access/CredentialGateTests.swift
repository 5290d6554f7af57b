import Execution
import Foundation
import HTTPServer
import Hashing
import JSON
import TestServers
import TestTokens
import Testing

@testable import OrderflowKit
@testable import WebTokens

/// Requests as they come over the wire, and what exactly they are answered.
@Suite(.blocking) struct CredentialGateTests {
    private let issuer = TestIssuer()
    private let stranger = TestIssuer("k1", seed: 9)
    private static let serviceKey = String(repeating: "5", count: 32)
    private static let now = WallClock.nowMicroseconds() / 1_000_000

    private let routes = [
        Routes(needing: .ordersRead, orOwn: true) {
            Get("/orders") { _, context in
                .text(.ok, "\(context.principal.kind) \(context.actor ?? "-") \(context.tenant)")
            }
        },
        Routes(needing: .ordersWrite, orOwn: true) {
            Post("/users/:user/orders") { request, context in
                try context.reach(.ordersWrite).demand(request.pathParameter("user"))
                return .text(.ok, "taken")
            }
            Post("/orders") { request, context in
                let user = try JSONValue(parsing: String(decoding: request.body, as: UTF8.self))["userId"]?.string
                try context.reach(.ordersWrite).demand(user ?? "")
                return .text(.ok, "taken")
            }
        },
        Routes(needing: .operate) { Get("/operate") { _, context in .text(.ok, context.actor ?? "-") } },
        Routes(needing: .open) { Get("/livez") { _ in .text(.ok, "ok") } },
    ]

    /// What is in force, and a look at who lacked a right.
    private final class World: Sendable {
        let ring = APIKeyRing()
        let refused = Monitor<[String]>([])
        let keys: TokenKeys?
        let gate: CredentialGate
        let router: Router

        init(_ routes: [Routes], keySet: String?) throws {
            keys = try keySet.map { keySet in
                let file = NSTemporaryDirectory() + "/jwks-\(UUID())"
                try keySet.write(toFile: file, atomically: true, encoding: .utf8)
                defer { try? FileManager.default.removeItem(atPath: file) }
                return try TokenKeys(.file(file), logger: quiet)
            }
            let rules = TokenRules(
                issuer: TestIssuer.name, audience: TestIssuer.audience, tenantClaim: "tenant", clockSkew: 30)
            gate = CredentialGate(
                keys: ring, tokens: keys.map { TokenCheck(rules, keys: $0) },
                serviceKey: CredentialGateTests.serviceKey,
                onRefusedRight: { [refused] refusal in
                    refused.withLock {
                        $0.append(
                            "\(refusal.principal.subject) \(refusal.right.rawValue) "
                                + "\(refusal.method.rawValue) \(refusal.route)\(refusal.isForeign ? " of another" : "")"
                        )
                    }
                })
            router = Router(routes, gate: gate)
        }

        func add(
            _ key: String, id: Int64, tenant: String? = "acme", scopes: String = "orders:read", end: Int64? = nil,
            isRevoked: Bool = false
        ) {
            ring.take(
                [
                    APIKeyStore.Known(
                        id: id, hash: Fingerprint(of: key),
                        principal: Principal(
                            .key, subject: APIKey.subject("k\(id)"), tenant: tenant,
                            rights: Rights(scopes: scopes.split(separator: " "))),
                        end: end, isRevoked: isRevoked)
                ], isWhole: false)
        }
    }

    private func ask(_ port: UInt16, _ path: String, _ fields: String) throws -> WireClient.Answer {
        let client = try WireClient(port: port)
        try client.send(raw: "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
        return try client.answer()
    }

    private static func bearer(_ credential: String) -> String { "Authorization: Bearer \(credential)\r\n" }

    private static func challenge(_ error: String, _ description: String) -> String {
        "Bearer realm=\"orderflow\", error=\"\(error)\", error_description=\"\(description)\""
    }

    @Test func eachRequestGetsItsExactAnswer() async throws {
        let world = try World(routes, keySet: issuer.keySet())
        let key = APIKey.generate()
        let (expired, revoked) = (APIKey.generate(), APIKey.generate())
        world.add(key, id: 1)
        world.add(expired, id: 2, end: Self.now - 1)
        world.add(revoked, id: 3)
        world.add(revoked, id: 3, isRevoked: true)
        @Sendable func token(_ claims: [String: JSONValue] = [:], _ header: [String: JSONValue] = [:]) -> String {
            Self.bearer(issuer.token(claims, header: header, at: Self.now))
        }
        let good = issuer.token(at: Self.now)
        @Sendable func invalid(_ error: TokenError) -> String { Self.challenge("invalid_token", "\(error)") }
        let none = "Bearer realm=\"orderflow\""
        let malformed = Self.challenge(
            "invalid_request", "Authorization must be Bearer, a blank and one credential")
        let repeated = Self.challenge("invalid_request", "Authorization comes several times")
        let unknown = Self.challenge("invalid_token", "the API key isn't known, or is revoked")

        let expired401 = Self.challenge("invalid_token", "the API key has expired")
        @Sendable func missing(_ scope: String) -> String {
            Self.challenge("insufficient_scope", "the scope \(scope) is needed") + ", scope=\"\(scope)\""
        }
        try await serving(world.router, with: []) { port in
            func letIn(_ fields: String, _ body: String) throws {
                let answer = try ask(port, "/orders", fields)
                #expect(answer.status == 200 && answer.body == body, "\(fields): \(answer)")
            }
            func refused(_ fields: String, _ status: Int, _ challenge: String) throws {
                let answer = try ask(port, "/orders", fields)
                #expect(answer.status == status, "\(fields)")
                #expect(answer.header("WWW-Authenticate") == challenge, "\(fields)")
                #expect(answer.header("Content-Type") == "application/problem+json")
                #expect(try JSONValue(parsing: answer.body)["status"]?.int64 == Int64(status))
                // Nothing of what was sent comes back.
                #expect(!answer.body.contains("of_") && !answer.body.contains("eyJ"))
            }
            try letIn(Self.bearer(good), "token alice acme")
            try letIn(Self.bearer(key), "key key:k1 acme")
            try letIn("authorization: bEARER   \(key)\r\n", "key key:k1 acme")
            // The second time by the cache.
            try letIn(Self.bearer(good), "token alice acme")
            try letIn(token(["scope": "orders:read:own"]), "token alice acme")
            try letIn(token(["tenant": .null, "scope": "orders:read tenants:any"]), "token alice default")
            try letIn("\(Self.bearer(key))X-Tenant-Id: acme\r\n", "key key:k1 acme")
            try letIn("\(Self.bearer(key))X-Actor: mallory\r\n", "key key:k1 acme")

            try refused("", 401, none)
            try refused("Authorization: Basic dTpw\r\n", 401, none)
            try refused("Authorization: Bearerx \(key)\r\n", 401, none)
            try refused("Authorization: \(key)\r\n", 401, none)
            try refused("Authorization: Bearer\r\n", 400, malformed)
            try refused("Authorization: Bearer  \r\n", 400, malformed)
            try refused("Authorization: Bearer \(key) \(key)\r\n", 400, malformed)
            try refused("Authorization: Bearer \(key), Bearer \(key)\r\n", 400, malformed)
            try refused(Self.bearer(good) + Self.bearer(good), 400, repeated)

            try refused(token(["exp": .number(JSONNumber(Self.now - 60))]), 401, invalid(.expired))
            try refused(token(["nbf": .number(JSONNumber(Self.now + 3600))]), 401, invalid(.notYetValid))
            try refused(token(["iss": "https://evil.example"]), 401, invalid(.issuer))
            try refused(token(["aud": "another"]), 401, invalid(.audience))
            try refused(token([:], ["alg": "none"]), 401, invalid(.algorithm))
            // The public key as a secret of HMAC.
            try refused(token([:], ["alg": "HS256"]), 401, invalid(.algorithm))
            try refused(token([:], ["kid": "other"]), 401, invalid(.unknownKey))
            try refused(Self.bearer(stranger.token(at: Self.now)), 401, invalid(.signature))
            try refused(Self.bearer(String(good.dropLast(22))), 401, invalid(.signature))
            try refused(Self.bearer("abc"), 401, invalid(.malformed))
            try refused(token(["sub": .null]), 401, invalid(.subject))
            try refused(token(["tenant": .null]), 401, invalid(.tenant))
            try refused(token(["tenant": "a b"]), 401, invalid(.tenant))

            try refused(Self.bearer(revoked), 401, unknown)
            try refused(Self.bearer(APIKey.generate()), 401, unknown)
            try refused(Self.bearer("of_"), 401, unknown)
            try refused(Self.bearer(expired), 401, expired401)
            try refused("\(Self.bearer(key))X-Tenant-Id: other\r\n", 403, missing("tenants:any"))
            try refused(token(["scope": "orders:write openid"]), 403, missing("orders:read"))
            // Longer than a head may be, and as long as it may.
            let long = String(repeating: "a", count: 20_000)
            #expect(try ask(port, "/orders", Self.bearer(long)).status == 431)
            // Where nobody is asked, nobody is refused.
            for fields in ["", Self.bearer("nonsense"), Self.bearer(good) + Self.bearer(good)] {
                #expect(try ask(port, "/livez", fields).status == 200)
            }
            #expect(try ask(port, "/operate", Self.bearer(Self.serviceKey)).body == "service")
            #expect(try ask(port, "/operate", Self.bearer(key)).status == 403)
            #expect(try ask(port, "/orders", Self.bearer(Self.serviceKey)).status == 403)
        }
        #expect(
            world.refused.withLock { $0 } == [
                "key:k1 tenants:any GET /orders", "alice orders:read GET /orders", "key:k1 operate GET /operate",
                "service orders:read GET /orders",
            ])
    }

    /// Whoever may act for itself alone and names another user, in path or body, is refused, and that is noted.
    @Test func anotherUserIsRefusedAndNoted() async throws {
        let world = try World(routes, keySet: issuer.keySet())
        let machine = APIKey.generate()
        world.add(machine, id: 1, scopes: "orders:write:own")
        let alice = Self.bearer(issuer.token(["scope": "orders:write:own"], at: Self.now))
        let clerk = Self.bearer(issuer.token(["sub": "clerk", "scope": "orders:write"], at: Self.now))
        let key = Self.bearer(machine)
        let table: [(fields: String, path: String, body: String, status: Int)] = [
            (alice, "/users/alice/orders", "{}", 200), (alice, "/users/bob/orders", "{}", 403),
            (alice, "/users/Alice/orders", "{}", 403), (alice, "/users/alice%20/orders", "{}", 403),
            (alice, "/orders", #"{"userId":"alice"}"#, 200), (alice, "/orders", #"{"userId":"bob"}"#, 403),
            (alice, "/orders", "{}", 403), (clerk, "/users/bob/orders", "{}", 200),
            (clerk, "/orders", #"{"userId":"bob"}"#, 200), (key, "/users/key:k1/orders", "{}", 200),
            (key, "/orders", #"{"userId":"k1"}"#, 403),
        ]
        // Limits, like the dashboard's sessions, are a gate around the gate.
        var settings = LimitSettings()
        settings.rate = 1_000
        let limits = try #require(RequestLimits(settings))
        let gates: [any AccessGate] = [world.gate, LimitedGate(world.gate, limits)]
        for gate in gates {
            world.refused.withLock { $0 = [] }
            try await serving(Router(routes, gate: gate), with: []) { port in
                for (fields, path, body, status) in table {
                    let client = try WireClient(port: port)
                    try client.send(
                        raw: "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                            + "Content-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
                    let answer = try client.answer()
                    #expect(answer.status == status, "\(path) \(body)")
                    guard status == 403 else { continue }
                    #expect(
                        answer.header("WWW-Authenticate")
                            == "Bearer error=\"insufficient_scope\", error_description=\"the scope orders:write is needed "
                            + "for another user\", scope=\"orders:write\"")
                    #expect(answer.header("Content-Type") == "application/problem+json")
                }
            }
            #expect(
                world.refused.withLock { $0 }
                    == [String](repeating: "alice orders:write POST /users/:user/orders of another", count: 3)
                    + [String](repeating: "alice orders:write POST /orders of another", count: 2)
                    + ["key:k1 orders:write POST /orders of another"])
        }
    }

    /// What can't become good is looked at once in a while; what can, each time.
    @Test func aRefusalIsRememberedWhileItHolds() throws {
        let file = NSTemporaryDirectory() + "/jwks-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: file) }
        func keys(_ set: String) throws -> TokenKeys {
            try set.write(toFile: file, atomically: true, encoding: .utf8)
            return try TokenKeys(.file(file), logger: quiet)
        }
        let check = TokenCheck(
            TokenRules(issuer: TestIssuer.name, audience: TestIssuer.audience, tenantClaim: "tenant", clockSkew: 30),
            keys: try keys(issuer.keySet()))
        func refusal(_ token: String, at now: Int64) -> IdentityRefusal? {
            do {
                _ = try Array(token.utf8).withUnsafeBytes {
                    try check.principal(of: $0, Fingerprint(of: $0), at: now)
                }
                return nil
            } catch {
                return error as? IdentityRefusal
            }
        }
        func isRemembered(_ token: String) -> Bool { check.refused.entry(Fingerprint(of: token)) != nil }

        for (token, error) in [
            (stranger.token(at: Self.now), TokenError.signature), (issuer.token(["iss": "x"], at: Self.now), .issuer),
            (issuer.token(["tenant": "a b"], at: Self.now), .tenant),
            (issuer.token(["exp": .number(JSONNumber(Self.now - 60))], at: Self.now), .expired),
        ] {
            #expect(refusal(token, at: Self.now) == .token(error))
            #expect(isRemembered(token), "\(error)")
            #expect(refusal(token, at: Self.now + 1) == .token(error))
            #expect(refusal(token, at: Self.now + 90) == .token(error))
        }
        let early = issuer.token(["nbf": .number(JSONNumber(Self.now + 100))], at: Self.now)
        #expect(refusal(early, at: Self.now) == .token(.notYetValid) && !isRemembered(early))
        #expect(refusal(early, at: Self.now + 71) == nil)
        // A clock that was ahead when the token came.
        let young = issuer.token(at: Self.now)
        #expect(refusal(young, at: Self.now + 1_000) == .token(.expired) && isRemembered(young))
        #expect(refusal(young, at: Self.now) == nil)
        let unknown = TestIssuer("k2", seed: 9).token(at: Self.now)
        #expect(refusal(unknown, at: Self.now) == .token(.unknownKey) && !isRemembered(unknown))
    }

    /// The key of that name is another one now.
    @Test func aRefusalEndsWithTheKeysThatItIsOf() async throws {
        let keySet = Monitor(issuer.keySet())
        let provider = Router([
            Routes(needing: .open) { Get("/jwks") { _ in .json(.ok, Array(keySet.withLock { $0 }.utf8)) } }
        ])
        try await serving(provider, with: []) { port in
            let keys = try TokenKeys(
                .url("http://127.0.0.1:\(port)/jwks"), wantedInterval: .milliseconds(1), logger: quiet)
            let stop = StopSignal()
            let thread = DedicatedThread.start("keys") { keys.run(until: stop) }
            defer {
                stop.stop()
                thread.join()
            }
            let check = TokenCheck(
                TokenRules(
                    issuer: TestIssuer.name, audience: TestIssuer.audience, tenantClaim: "tenant", clockSkew: 30),
                keys: keys)
            let token = Array(stranger.token(at: Self.now).utf8)
            func principal() throws -> Principal {
                try token.withUnsafeBytes { try check.principal(of: $0, Fingerprint(of: $0), at: Self.now) }
            }
            try eventually("the first key set is there") { keys.health == .ready }
            #expect(throws: IdentityRefusal.token(.signature)) { try principal() }
            keySet.withLock { $0 = stranger.keySet() }
            _ = keys.unknownKey()
            try eventually("the token is taken") { (try? principal())?.subject == "alice" }
        }
    }

    /// Whether a key that isn't known is a new one can't be told, and neither can a token's signature.
    @Test func whatCantBeCheckedNowIsUnavailableAndNotRefused() async throws {
        let key = APIKey.generate()
        let unread = try World(routes, keySet: nil)
        try await serving(unread.router, with: []) { port in
            let answer = try ask(port, "/orders", Self.bearer(key))
            #expect(answer.status == 503 && answer.header("Retry-After") == "1")
            // Only keys are taken, whatever is away.
            #expect(try ask(port, "/orders", Self.bearer(issuer.token(at: Self.now))).status == 401)
        }
        let lost = try World(routes, keySet: issuer.keySet())
        lost.add(key, id: 1)
        lost.ring.lost("the server is away")
        #expect(lost.ring.health == .degraded("the server is away"))
        try await serving(lost.router, with: []) { port throws in
            #expect(try ask(port, "/orders", Self.bearer(key)).status == 200)
            #expect(try ask(port, "/orders", Self.bearer(APIKey.generate())).status == 503)
            #expect(try ask(port, "/orders", Self.bearer(issuer.token(at: Self.now))).status == 200)
        }
    }
}
