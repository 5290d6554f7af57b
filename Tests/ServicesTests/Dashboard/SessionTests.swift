import Execution
import HTTPServer
import JSON
import Postgres
import Sealing
import TestServers
import Testing

@testable import Operations
@testable import OrderflowKit

/// Signing in to the dashboard: a sealed cookie that lets its browser read what the dashboard shows, and nothing else.
@Suite(.blocking) struct SessionTests {
    /// Knows some credentials, which can be taken away.
    private final class Credentials: CredentialReader {
        let known = Monitor([
            "of_duty": Principal(.key, subject: "key:duty", tenant: nil, rights: Rights([.operate, .ordersRead])),
            "of_shop": Principal(.key, subject: "key:shop", tenant: nil, rights: Rights([.ordersRead, .ordersWrite])),
        ])

        func principal(of credential: String) throws(HTTPProblem) -> Principal {
            guard let principal = known.withLock({ $0[credential] }) else { throw HTTPProblem(.unauthorized) }
            return principal
        }

        func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal {
            guard need.right != .open else { return .anonymous }
            return try admit(
                request, bringing: String((request.header("Authorization") ?? "").dropFirst(7)), to: need)
        }

        func admit(
            _ request: borrowing HTTPRequest, bringing credential: String, to need: RouteNeed
        ) throws(HTTPProblem) -> Principal {
            let principal = try principal(of: credential)
            guard need.isMet(by: principal) else { throw AccessRefusal.missing(need.right) }
            return principal
        }
    }

    private struct Site: Sendable {
        let port: UInt16
        let credentials: Credentials
        let sessions: DashboardSessions

        func send(
            _ method: String, _ path: String, _ headers: [String: String] = [:], body: String? = nil
        ) throws -> WireClient.Answer {
            let client = try WireClient(port: port)
            try client.send(method, path, ["Host": "localhost"].merging(headers) { $1 }, body: body)
            return try client.answer()
        }

        func signIn(_ credential: String, _ headers: [String: String] = [:]) throws -> WireClient.Answer {
            try send("POST", "/dashboard/session", headers, body: "{\"credential\":\"\(credential)\"}")
        }

        /// The cookie of a sign-in as its browser sends it.
        func cookie(_ credential: String = "of_duty") throws -> [String: String] {
            let field = try #require(try signIn(credential).header("Set-Cookie"))
            return ["Cookie": "theme=dark; " + field.prefix { $0 != ";" }]
        }
    }

    private static let key = SymmetricKey([UInt8](0..<32))

    private func run(key: SymmetricKey? = key, _ body: @escaping @Sendable (Site) throws -> Void) async throws {
        let credentials = Credentials()
        let sessions = DashboardSessions(lifetime: .seconds(3600))
        if let key { sessions.open(with: key) }
        let routes =
            SessionRoutes(sessions: sessions, logger: quiet).routes(.headers([])) + [
                Routes(needing: .ordersRead) { Get("/orders") { _, context in .text(.ok, context.principal.subject) } },
                Routes(needing: .ordersWrite) { Post("/orders") { _, _ in .text(.created, "") } },
                Routes(needing: .stockRead) { Get("/stock") { _, _ in .text(.ok, "") } },
            ]
        try await serving(
            Router(routes, gate: sessions.gate(around: credentials)), with: [],
            toBlocking: { try body(Site(port: $0, credentials: credentials, sessions: sessions)) })
    }

    @Test func whoHasSignedInReadsAndNothingElse() async throws {
        try await run { site in
            let answer = try site.signIn("of_duty")
            #expect(answer.status == 200)
            #expect(try JSONValue(parsing: answer.body)["subject"]?.string == "key:duty")
            #expect(answer.header("Cache-Control") == "no-store")
            let field = try #require(answer.header("Set-Cookie"))
            #expect(field.hasPrefix("orderflow_session="))
            #expect(field.hasSuffix("; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"))
            #expect(!field.contains("of_duty"), "nobody reads the credential in it")

            let cookie = try site.cookie()
            let own = cookie.merging(["Sec-Fetch-Site": "same-origin"]) { $1 }
            #expect(try site.send("GET", "/orders", own).body == "key:duty")
            let client = try WireClient(port: site.port)
            try client.send("HEAD", "/orders", own.merging(["Host": "localhost"]) { $1 }, body: nil)
            #expect(try client.receive(until: "\r\n\r\n").contains(" 200 "))
            #expect(try site.send("GET", "/dashboard/session", own).status == 200)
            #expect(try site.send("GET", "/stock", own).status == 403)
            // Writes take no cookie, whoever's it is.
            site.credentials.known.update {
                $0["of_duty"] = Principal(.key, subject: "key:duty", tenant: nil, rights: .all)
            }
            #expect(try site.send("POST", "/orders", own, body: "{}").status == 401)
            // What stands in the header counts.
            let other = own.merging(["Authorization": "Bearer of_unknown"]) { $1 }
            #expect(try site.send("GET", "/orders", other).status == 401)

            let out = try site.send("DELETE", "/dashboard/session", own)
            #expect(out.status == 204)
            #expect(out.head.contains("orderflow_session=; Path=/; Max-Age=0"))
            #expect(
                out.head.contains("__Host-orderflow_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"))
        }
    }

    @Test func whatIsNoCredentialForItIsSaidSo() async throws {
        try await run { site in
            #expect(try site.signIn("of_unknown").status == 401)
            let refused = try site.signIn("of_shop")
            #expect(refused.status == 403 && refused.body.contains("operate") && refused.header("Set-Cookie") == nil)
            for credential in [
                "", "a b", "of_\\u0000", String(repeating: "x", count: SessionCookie.credentialLimit + 1),
            ] {
                let answer = try site.signIn(credential)
                #expect(answer.status == 422 && answer.body.contains("/credential"), "\(credential.prefix(9))")
            }
            #expect(try site.send("POST", "/dashboard/session", body: "{}").status == 422)
            #expect(try site.send("POST", "/dashboard/session", body: "{").status == 400)
        }
    }

    /// The browser sends the cookie with what other pages ask for too, were it not for SameSite.
    @Test func otherPagesGetNowhere() async throws {
        try await run { site in
            let cookie = try site.cookie()
            let foreign = [
                ["Sec-Fetch-Site": "cross-site"], ["Sec-Fetch-Site": "same-site"], ["Origin": "null"],
                ["Origin": "http://evil.example"], ["Origin": "http://localhost:1"],
                ["Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"],
            ]
            for headers in foreign {
                #expect(try site.signIn("of_duty", headers).status == 403, "\(headers)")
                #expect(try site.send("DELETE", "/dashboard/session", headers).status == 403, "\(headers)")
                // A foreign origin isn't looked at; else it is a request without a credential.
                let isForeign = headers["Origin"].map { $0 != "http://localhost" } ?? false
                let read = try site.send("GET", "/orders", cookie.merging(headers) { $1 })
                #expect(read.status == (isForeign ? 403 : 401), "\(headers)")
            }
            #expect(try site.signIn("of_duty", ["Sec-Fetch-Site": "none"]).status == 403, "nobody types a POST")
            #expect(try site.send("GET", "/orders", cookie.merging(["Sec-Fetch-Site": "none"]) { $1 }).status == 200)
            for headers in [["Origin": "http://localhost"], ["Origin": "https://LOCALHOST"]] {
                #expect(try site.signIn("of_duty", headers).status == 200, "\(headers)")
            }
        }
    }

    @Test func overTLSTheCookieStaysThere() async throws {
        try await run { site in
            let field = try #require(
                try site.signIn("of_duty", ["Origin": "https://localhost"]).header("Set-Cookie"))
            #expect(field.hasPrefix("__Host-orderflow_session="))
            #expect(field.hasSuffix("; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict; Secure"))
            let cookie = ["Cookie": String(field.prefix { $0 != ";" })]
            #expect(try site.send("GET", "/orders", cookie).status == 200)
        }
    }

    @Test func aSessionEndsWithItsCredentialOrItsTime() async throws {
        try await run { site in
            let cookie = try site.cookie()
            #expect(try site.send("GET", "/orders", cookie).status == 200)
            site.credentials.known.update { $0["of_duty"] = nil }
            #expect(try site.send("GET", "/orders", cookie).status == 401)
        }
        let cookie = SessionCookie(Self.key)
        let field = cookie.header(keeping: "of_duty", from: 1_000, until: 1_060, isSecure: false).value
        let text = try #require(SessionCookie.value(of: SessionCookie.name, in: [String(field.prefix { $0 != ";" })]))
        #expect(cookie.credential(text, at: 1_059) == "of_duty")
        #expect(cookie.credential(text, at: 1_060) == nil)
        #expect(SessionCookie(SymmetricKey([UInt8](1...32))).credential(text, at: 1_000) == nil)
        for index in [0, text.count / 2, text.count - 2] {
            var changed = Array(text.utf8)
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(cookie.credential(String(decoding: changed, as: UTF8.self), at: 1_000) == nil)
        }
        for other in ["", "=", "AAAA", String(repeating: "A", count: 5_000)] {
            #expect(cookie.credential(other, at: 1_000) == nil)
        }
    }

    /// Several processes of the API share the key, and one that starts anew has it again.
    @Test func anotherProcessWithTheSameKeyTakesIt() async throws {
        let cookie = Monitor<[String: String]>([:])
        try await run { site in
            let signedIn = try site.cookie()
            cookie.update { $0 = signedIn }
        }
        let known = cookie.withLock { $0 }
        for (key, status) in [(Self.key, 200), (SymmetricKey([UInt8](1...32)), 401)] {
            try await run(key: key) { site in
                let answer = try site.send("GET", "/orders", known)
                #expect(answer.status == status)
            }
        }
        // Until the key is known, nobody signs in, and a cookie says nothing.
        try await run(key: nil) { site in
            let answer = try site.signIn("of_duty")
            #expect(answer.status == 503 && answer.header("Retry-After") != nil)
            #expect(try site.send("GET", "/orders", known).status == 401)
        }
    }

    @Test func whereNobodyHasToSignInNobodyCan() async throws {
        let router = Router(
            SessionRoutes(sessions: DashboardSessions(lifetime: .seconds(60)), logger: quiet).routes(.headers([])))
        try await serving(
            router, with: [],
            toBlocking: { port in
                let client = try WireClient(port: port)
                try client.get("/dashboard/session")
                let answer = try client.answer()
                #expect(try JSONValue(parsing: answer.body)["kind"]?.string == "open")
                try client.send("POST", "/dashboard/session", body: #"{"credential":"of_duty"}"#)
                #expect(try client.answer().status == 409)
            })
    }
}
