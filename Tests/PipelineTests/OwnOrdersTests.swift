import Foundation
import JSON
import TestServers
import TestShop
import TestTokens
import Testing

/// Customers in a shop that asks for tokens: each gets at its own orders from the first request to the last, and at
/// nobody else's.
@Suite(.serialized, .servers) struct OwnOrdersTests {
    private static func order(of user: String, _ more: String = "") -> String {
        #"{"userId":"\#(user)","items":[{"sku":"ABC","qty":1}],"total":5\#(more)}"#
    }

    private static func token(
        _ issuer: TestIssuer, _ subject: String, _ scopes: String..., tenant: String = "acme", age: Int64 = 0
    ) -> String {
        issuer.token(
            ["sub": .string(subject), "scope": .string(scopes.joined(separator: " ")), "tenant": .string(tenant)],
            at: Int64(Date().timeIntervalSince1970) - age)
    }

    @Test func aCustomersJourney() async throws {
        let issuer = TestIssuer()
        let keySet = NSTemporaryDirectory() + "/jwks-\(UUID())"
        try issuer.keySet().write(toFile: keySet, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: keySet) }
        let shop = try Shop(settings: issuer.settings(keySet: keySet))
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let own = ["orders:write:own", "orders:read:own"]
        let alice = up.client.bearing(Self.token(issuer, "alice", own[0], own[1]))
        let bob = up.client.bearing(Self.token(issuer, "bob", own[0], own[1]))

        // Ordering.
        let key = ["Idempotency-Key": "\"cart-1\""]
        let answer = try await alice.post("/orders", Self.order(of: "alice"), headers: key)
        #expect(answer.status == 201, "\(answer.text)")
        let created = try #require(try answer.json()["order"] as? [String: any Sendable])
        let id = try #require(created["orderId"] as? String)
        let repeated = try await alice.post("/orders", Self.order(of: "alice"), headers: key)
        #expect(repeated.status == 201 && repeated.header("Idempotency-Replayed") == "true")
        #expect(repeated.text == answer.text)
        for user in ["bob", "Alice", "alice ", "\u{212A}"] {
            let refused = try await alice.post("/orders", Self.order(of: user))
            #expect(refused.status == 403, "\(refused.text)")
            #expect(refused.text.contains("orders:write:own"))
            #expect(refused.header("WWW-Authenticate")?.contains("insufficient_scope") == true)
        }
        // Another's key of the same text is another key, or refused: alice's order it never is.
        let same = try await bob.post("/orders", Self.order(of: "bob"), headers: key)
        #expect([201, 422].contains(same.status) && !same.text.contains(id), "\(same.text)")

        // Waiting and reading.
        try await eventually("the order is confirmed") {
            let view = try await alice.get("/orders/\(id)", headers: ["Prefer": "wait=5", "If-Match": "\"2\""])
            return try view.json()["status"] as? String == "confirmed"
        }
        let paths = ["", "/events", "/saga", "?at=2030-01-01T00:00:00Z"]
        for path in paths { #expect(try await alice.get("/orders/\(id)\(path)").status == 200, "\(path)") }
        let list = try await alice.get("/orders")
        #expect(list.status == 200 && list.text.contains(id))
        let credential = try #require(alice.credential)
        let first = try shop.shell(
            """
            exec 3< <(curl -sN -H 'Authorization: Bearer \(credential)' \(alice.base)/orders/\(id)/stream)
            grep -m1 '^data: ' <&3; kill $!
            """)
        #expect(first.contains(id))

        // Another's is as good as none: the same answer as for an id that nobody has.
        let nobodys = String(id.reversed().map { $0 == "-" ? "-" : $0 })
        for path in paths + ["?minVersion=9", "/events?limit=1"] {
            let foreign = try await bob.get("/orders/\(id)\(path)")
            let absent = try await bob.get("/orders/\(nobodys)\(path)")
            #expect(foreign.status == 404, "\(path): \(foreign.text)")
            #expect(foreign.text.replacingOccurrences(of: id, with: nobodys) == absent.text, "\(path)")
            #expect(Set(foreign.headers.keys) == Set(absent.headers.keys), "\(path)")
        }
        let waited = try await bob.get("/orders/\(id)", headers: ["Prefer": "wait=1"])
        #expect(waited.status == 404)
        #expect(try await bob.get("/orders?userId=alice").status == 403)
        #expect(try await !bob.get("/orders").text.contains(id))

        // Cancelling.
        let foreign = try await bob.post("/orders/\(id)/cancel", #"{"reason":"not mine"}"#)
        let absent = try await bob.post("/orders/\(nobodys)/cancel", #"{"reason":"not mine"}"#)
        #expect(foreign.status == 404 && absent.status == 404)
        #expect(foreign.text.replacingOccurrences(of: id, with: nobodys) == absent.text)
        #expect(try await alice.post("/orders/\(id)/cancel").status == 409, "too late, and hers")
        let events = try await alice.get("/orders/\(id)/events").text
        #expect(!events.contains("not mine") && events.contains(#""subject":"alice""#))

        // Nothing else is a customer's.
        for path in ["/invoices?user_id=alice&year=2026&month=1", "/sales", "/customers", "/metrics", "/attention"] {
            #expect(try await alice.get(path).status == 403, "\(path)")
            #expect(try await up.client.get(path).status == 401, "\(path)")
        }
        #expect(try await alice.post("/users", #"{"name":"A","email":"a@example.com"}"#).status == 403)

        // Who has one right of its own has only that.
        let reader = up.client.bearing(Self.token(issuer, "alice", own[1]))
        #expect(try await reader.get("/orders/\(id)").status == 200)
        #expect(try await reader.post("/orders", Self.order(of: "alice")).status == 403)
        #expect(try await reader.post("/orders/\(id)/cancel").status == 403)
        let elsewhere = up.client.bearing(Self.token(issuer, "alice", own[1], tenant: "other"))
        #expect(try await elsewhere.get("/orders/\(id)").status == 404)
        let late = up.client.bearing(Self.token(issuer, "alice", own[1], age: 600))
        #expect(try await late.get("/orders/\(id)").status == 401)
        #expect(try up.terminate() == 0)

        // Who named another user is in the audit log, whomever it named; who asked for another's order isn't: to whom
        // it is shown nothing of it, it isn't there.
        let acts = try shop.run("audit", "export", "--service", "access").split(separator: "\n")
        let foreign403 = acts.filter { $0.contains(#""for":"another user""#) }
        #expect(foreign403.contains { $0.contains(#""actor":"alice""#) && $0.contains(#""object":"POST /orders""#) })
        #expect(foreign403.contains { $0.contains(#""actor":"bob""#) && $0.contains(#""object":"GET /orders""#) })
        #expect(!acts.contains { $0.contains(id) || $0.contains("GET /orders/:id") })
    }
}
