import JSON
import TestServers
import TestShop
import Testing

/// What an operator finds of one order among the log lines of all daemons.
@Suite(.serialized, .servers) struct LogsTests {
    @Test func anOrdersLinesComeFromEveryService() async throws {
        let shop = try Shop(settings: ["ORDERFLOW_LOG_SHIP_LEVEL": "debug"])
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        let headers = [
            "X-Correlation-Id": "checkout-17", "X-Tenant-Id": "acme",
            "traceparent": "00-\(trace)-00f067aa0ba902b7-01",
        ]
        let answer = try await up.client.post("/orders", ShopClient.simpleOrder, headers: headers)
        let order = try #require(answer.header("Location")?.split(separator: "/").last.map(String.init))
        let other = try await up.client.order()
        try await eventually(within: .seconds(60), "both customers have mail") { () async throws -> Bool in
            try shop.mails().count == 2
        }
        func lines(_ arguments: String...) throws -> [JSONValue] {
            try shop.run(["logs", "--json"] + arguments).split(separator: "\n").map {
                try JSONValue(parsing: String($0))
            }
        }
        // Nobody has a webhook, and so that role hears of no order.
        let roles: Set<String> = ["api", "saga", "inventory", "payment", "shipping", "notification", "projection"]
        // Daemons ship a moment after they log.
        try? await eventually(within: .seconds(20), "every role has shipped") { () async throws -> Bool in
            Set(try lines("--order", order).compactMap { $0["role"]?.string }) == roles
        }
        let found = try lines("--order", order)
        #expect(Set(found.compactMap { $0["role"]?.string }) == roles)
        #expect(found.first?["message"]?.string == "order taken")
        let times = found.compactMap { $0["time"]?.string }
        #expect(times == times.sorted())
        for line in found {
            #expect(line["order_id"]?.string == order)
            #expect(line["tenant"]?.string == "acme", "\(line)")
            #expect(line["correlation_id"]?.string == "checkout-17", "\(line)")
            #expect(line["trace_id"]?.string == trace, "\(line)")
            #expect(line["instance"]?.string?.isEmpty == false)
        }
        #expect(try lines("--correlation", "checkout-17").count >= found.count)
        #expect(try lines("--trace", "00-\(trace)-00f067aa0ba902b7-01").count >= found.count)
        let payment = try lines("--order", other, "--role", "payment")
        #expect(!payment.isEmpty && payment.allSatisfy { $0["role"]?.string == "payment" })
        #expect(try lines("--order", order, "--level", "error").isEmpty)
        let text = try shop.run("logs", "--order", order)
        #expect(text.split(separator: "\n").count >= found.count)
        #expect(text.contains("order taken"))

        // What the shipper itself has to say stays at home; the last words of the others don't.
        #expect(try up.terminate() == 0)
        let all = try lines("--since", "1h")
        #expect(!all.contains { $0["label"]?.string == "logs" })
        #expect(
            Set(all.filter { $0["message"]?.string == "stopped" }.compactMap { $0["role"]?.string })
                == roles.union(["webhooks"]))
    }
}
