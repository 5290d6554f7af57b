import Foundation
import TestServers
import TestShop
import Testing

/// The dashboard of a real shop says what is the matter with it.
@Suite(.serialized, .servers) struct DashboardTests {
    private typealias State = [String: any Sendable]

    @Test func itNamesWhatIsStuckAndWhoIsAway() async throws {
        let shop = try Shop(settings: [
            "ORDERFLOW_SAGA_ATTENTION_AFTER": "1", "ORDERFLOW_SAGA_RETRY_BASE": "1h", "ORDERFLOW_SAGA_RETRY_CAP": "1h",
        ])
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let client = up.client
        #expect(try await client.get("/").header("Content-Type") == "text/html; charset=utf-8")

        _ = try await client.order()
        let stuck = try await client.order(
            """
            {"userId":"bob","items":[{"sku":"ABC","qty":1}],"total":5,"shippingAddress":"UNDELIVERABLE 1",\
            "paymentToken":"tok_refund_fails"}
            """)
        try shop.publish("not JSON", key: "o-1", to: "order-events")
        let titles = ["1 order is stuck", "1 message can't be handled"]
        var state: State = [:]
        do {
            try await eventually(within: .seconds(60), "both are told, and every role is ready") {
                () async throws -> Bool in
                guard let latest = try await Self.state(client) else { return false }
                state = latest
                return Self.titles(state) == titles
            }
        } catch {
            Issue.record("\(Self.titles(state)), \(state["concerns"] ?? "")")
            throw error
        }
        let order = (state["stuck"] as? [State])?.first
        #expect(order?["orderId"] as? String == stuck)
        #expect((order?["attention"] as? String)?.contains("undoing payment keeps being refused") == true)
        #expect((order?["reason"] as? String)?.contains("the address can't be delivered to") == true)
        let letters = try #require(state["letters"] as? [State])
        #expect(Set(letters.compactMap { $0["topic"] as? String }) == ["order-events"])
        #expect(letters.allSatisfy { ($0["error"] as? String)?.isEmpty == false })
        let roles = try #require(state["roles"] as? [State])
        #expect(roles.count == 8 && roles.allSatisfy { $0["state"] as? String == "ready" })

        // Somebody else's role, as far as this dashboard can tell.
        let elsewhere = try shop.daemon(
            "api", instance: 2,
            settings: ["ORDERFLOW_DASHBOARD_ROLES": "payment=http://127.0.0.1:1,saga=http://127.0.0.1:\(up.port + 7)"])
        try elsewhere.start()
        try await elsewhere.waitUntilReady()
        try await eventually("the absent role is named") {
            let state = try await Self.state(elsewhere.client) ?? [:]
            return Self.titles(state).contains("payment doesn't answer")
                && (state["roles"] as? [State])?.first { $0["role"] as? String == "saga" }?["state"] as? String
                    == "ready"
        }
        #expect(try elsewhere.terminate() == 0)

        let dark = try shop.daemon("api", instance: 3, settings: ["ORDERFLOW_DASHBOARD_SHOWN": "off"])
        try dark.start()
        try await dark.waitUntilReady()
        #expect(try await dark.client.get("/").status == 404)
        #expect(try await dark.client.get("/dashboard/state").status == 404)
        #expect(try dark.terminate() == 0)
        #expect(try up.terminate() == 0)
    }

    private static func state(_ client: ShopClient) async throws -> State? {
        let answer = try await client.get("/dashboard/state")
        return answer.status == 200 ? try answer.json() : nil
    }

    private static func titles(_ state: State) -> [String] {
        (state["concerns"] as? [State] ?? []).filter { $0["level"] as? String == "critical" }
            .compactMap { $0["title"] as? String }
    }
}
