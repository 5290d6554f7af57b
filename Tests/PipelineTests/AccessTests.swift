import Foundation
import TestServers
import TestShop
import TestTokens
import Testing

/// A shop that asks who comes.
@Suite(.serialized, .servers) struct AccessTests {
    private static func bearer(_ credential: String) -> [String: String] { ["Authorization": "Bearer \(credential)"] }

    private func key(_ shop: Shop, _ name: String, _ options: String...) throws -> String {
        try shop.run(["keys", "create", "--name", name, "--by", "test"] + options)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func keysAndTokensLetInAndNothingElseDoes() async throws {
        let issuer = TestIssuer()
        let keySet = NSTemporaryDirectory() + "/jwks-\(UUID())"
        try issuer.keySet().write(toFile: keySet, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: keySet) }
        let shop = try Shop(settings: issuer.settings(keySet: keySet))
        let checkout = try key(shop, "checkout", "--tenant", "acme", "--scope", "orders:write", "--expires", "90d")
        let clerk = try key(shop, "clerk", "--tenant", "acme", "--scope", "orders:read")
        let operatorKey = try key(shop, "operator", "--scope", "operate,tenants:any")
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let client = up.client

        // An order by a machine, under its name.
        for headers in [[:], Self.bearer("of_nonsense"), Self.bearer(clerk)] {
            let answer = try await client.post("/orders", ShopClient.simpleOrder, headers: headers)
            #expect(answer.status == (headers == Self.bearer(clerk) ? 403 : 401))
            #expect(answer.header("WWW-Authenticate")?.hasPrefix("Bearer ") == true)
        }
        let answer = try await client.post("/orders", ShopClient.simpleOrder, headers: Self.bearer(checkout))
        #expect(answer.status == 201)
        let order = try #require(try answer.json()["order"] as? [String: any Sendable])
        let id = try #require(order["orderId"] as? String)
        let history = try await client.get("/orders/\(id)/events", headers: Self.bearer(clerk))
        #expect(history.status == 200 && history.text.contains(#""subject":"key:checkout""#))
        #expect(history.text.contains(#""tenant":"acme""#))

        // By a token; another tenant's isn't there.
        let now = Int64(Date().timeIntervalSince1970)
        let token = issuer.token(at: now)
        #expect(try await client.get("/orders/\(id)/events", headers: Self.bearer(token)).status == 200)
        let other = issuer.token(["tenant": "other"], at: now)
        #expect(try await client.get("/orders/\(id)/events", headers: Self.bearer(other)).status == 404)

        // The API asks the saga, and the dashboard the roles, with what the processes show each other.
        try await eventually("the saga's course is shown") { () async throws -> Bool in
            try await client.get("/orders/\(id)/saga", headers: Self.bearer(clerk)).status == 200
        }
        try await eventually("the dashboard hears every role") { () async throws -> Bool in
            let state = try await client.get("/dashboard/state", headers: Self.bearer(operatorKey))
            return state.status == 200 && state.text.contains(#""role":"saga""#)
                && !state.text.contains("doesn't answer") && state.text.contains(#""group":"shipping-group""#)
        }
        for port in up.port..<(up.port + 8) {
            let role = ShopClient(port: port)
            guard let ready = try await role.get("/readyz", orNil: true) else { continue }
            #expect([200, 503].contains(ready.status))
            #expect(try await role.get("/livez").status == 200)
            #expect(try await role.get("/metrics").status == 401)
            #expect(try await role.get("/metrics", headers: Self.bearer(clerk)).status == 403)
            #expect(try await role.get("/metrics", headers: Self.bearer(operatorKey)).status == 200)
        }

        // Nobody is let in by a revoked key, in no role.
        #expect(try shop.run("keys", "list").contains("checkout"))
        try shop.run("keys", "revoke", "operator", "--by", "test")
        for port in [up.port, up.port + 7] {
            try await eventually("the key is revoked") { () async throws -> Bool in
                try await ShopClient(port: port).get("/metrics", headers: Self.bearer(operatorKey)).status == 401
            }
        }
        try shop.run("keys", "revoke", "operator", "--by", "test", expecting: 1)
        #expect(try !shop.run("keys", "list").contains("operator"))
        #expect(try shop.run("keys", "list", "--all").contains("revoked"))
        #expect(!up.log.contains(checkout) && !up.log.contains(token))
        #expect(try up.terminate() == 0)

        // Who made and revoked keys is kept, and who was refused what; of no key more than its name.
        let acts = try shop.run("audit", "export", "--service", "access")
        for part in [
            #""alias":"test""#, #""act":"keys.create""#, #""act":"keys.revoke""#, #""act":"access.refused""#,
            #""actor":"key:clerk""#, #""scope":"orders:write""#,
        ] { #expect(acts.contains(part), "\(part)") }
        #expect(!acts.contains(checkout) && !acts.contains(token))
    }

    @Test func whoeverCanBeReachedFromElsewhereHasToChoose() async throws {
        let shop = try Shop()
        for role in ["query", "up"] {
            do {
                try shop.run(role, "--host", "0.0.0.0")
                Issue.record("\(role) has run")
            } catch let failure as CommandFailed {
                #expect(failure.status == 78)
                #expect(failure.output.contains("auth.mode: http.host 0.0.0.0 can be reached"), "\(failure.output)")
                #expect(failure.output.split(separator: "\n").count == 1)
            }
        }
        let open = try shop.daemon(
            "query", settings: ["ORDERFLOW_HTTP_HOST": "0.0.0.0", "ORDERFLOW_AUTH_MODE": "open"])
        try open.start()
        try await open.waitUntilReady()
        #expect(open.log.contains("access_open"))
        #expect(try await open.client.get("/metrics").status == 200)
        open.stop()
    }
}
