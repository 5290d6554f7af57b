import Foundation
import TestServers
import TestShop
import Testing

/// Orders that go well, and each way that they don't, through real daemons in either mode of the saga.
@Suite(.serialized, .servers) struct FulfilmentTests {
    /// What a customer does, and how it must end.
    private struct Scenario {
        let name: String
        let body: String
        var cancels = false
        let status: String
        /// Facts besides OrderCreated that there must be exactly one of.
        let once: [String]
        /// Facts that there must be none of.
        let never: [String]
        let mails: [String]
        /// The payment may be faster than the failure; then it is refunded, and the customer told.
        var mayBeRefunded = false

        func isTold(by kinds: [String]) -> Bool {
            kinds == mails || (mayBeRefunded && kinds == (mails + ["payment-refunded"]).sorted())
        }
    }

    private static let scenarios = [
        Scenario(
            name: "all goes well", body: body(), status: "confirmed",
            once: ["StockReserved", "PaymentProcessed", "ShipmentCreated", "OrderConfirmed", "ShipmentDispatched"],
            never: ["PaymentRefunded", "StockReleased", "OrderCancelled"], mails: ["order-confirmed"]),
        Scenario(
            name: "the payment is declined", body: body(#","paymentToken":"tok_declined""#), status: "cancelled",
            once: ["PaymentFailed", "OrderCancelled"],
            never: ["PaymentProcessed", "PaymentRefunded", "OrderConfirmed", "ShipmentDispatched"],
            mails: ["order-cancelled"]),
        Scenario(
            name: "the article can't be shipped", body: body(sku: "UNSHIPPABLE"), status: "cancelled",
            once: ["ShipmentFailed", "OrderCancelled"],
            never: ["ShipmentCreated", "OrderConfirmed", "ShipmentDispatched"], mails: ["order-cancelled"],
            mayBeRefunded: true),
        Scenario(
            name: "the shipment fails when the order is paid", body: body(#","shippingAddress":"UNDELIVERABLE 1""#),
            status: "cancelled",
            once: ["PaymentProcessed", "ShipmentFailed", "PaymentRefunded", "StockReleased", "OrderCancelled"],
            never: ["OrderConfirmed", "ShipmentDispatched"], mails: ["order-cancelled", "payment-refunded"]),
        Scenario(
            name: "the gateway's answer is lost", body: body(#","paymentToken":"tok_timeout""#), status: "confirmed",
            once: ["PaymentProcessed", "OrderConfirmed", "ShipmentDispatched"], never: ["PaymentRefunded"],
            mails: ["order-confirmed"]),
        Scenario(
            name: "the customer cancels while the payment hangs", body: body(#","paymentToken":"tok_slow""#),
            cancels: true, status: "cancelled",
            once: ["PaymentProcessed", "PaymentRefunded", "OrderCancellationRequested", "OrderCancelled"],
            never: ["OrderConfirmed", "ShipmentDispatched"], mails: ["order-cancelled", "payment-refunded"]),
    ]

    private static func body(_ more: String = "", sku: String = "ABC") -> String {
        #"{"userId":"alice","items":[{"sku":"\#(sku)","qty":2}],"total":49.99\#(more)}"#
    }

    /// Each mode with a format of its own on every topic, and JSON in every table.
    @Test(arguments: [("orchestration", "protobuf"), ("choreography", "avro")])
    func everyScenarioEndsAsItMust(mode: String, format: String) async throws {
        let shop = try Shop(settings: [
            "ORDERFLOW_SAGA_MODE": mode, "ORDERFLOW_PAYMENT_TIMEOUT": "2s", "ORDERFLOW_TOPICS_FORMAT": format,
        ])
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        // Of somebody else, open all the while: nothing waits for it.
        let foreign = try shop.postgres.openTransaction()
        defer { foreign.stop() }
        let inventory = ShopClient(port: up.port + 6)
        try await eventually("the inventory is there") {
            try await inventory.get("/readyz", orNil: true)?.status == 200
        }
        #expect(try await inventory.post("/stock", #"{"sku":"ABC","quantity":1000}"#).status < 300)

        var ids: [String] = []
        for scenario in Self.scenarios {
            let id = try await up.client.order(scenario.body)
            ids.append(id)
            guard scenario.cancels else { continue }
            // Before that nothing would be charged, and nothing refunded.
            try await eventually("\(scenario.name): the gateway is being asked") {
                try shop.query("SELECT 1 FROM payments WHERE order_id = '\(id)' AND attempts > 0", in: "payment").count
                    == 1
            }
            #expect(try await up.client.post("/orders/\(id)/cancel").status == 202)
        }
        do {
            for (scenario, id) in zip(Self.scenarios, ids) {
                try await eventually(within: .seconds(60), "\(scenario.name): \(scenario.status), with its mails") {
                    guard let view = try await up.client.view(id) else { return false }
                    let mails = view["notifications"] as? [[String: any Sendable]] ?? []
                    return view["status"] as? String == scenario.status
                        && scenario.isTold(by: mails.compactMap { $0["kind"] as? String }.sorted())
                }
            }
        } catch {
            print(up.log.suffix(6_000))
            throw error
        }
        let records = try shop.headers(of: "order-events")
        let formats = Set(records.map { $0.headers["content-type"] })
        #expect(formats == [format == "avro" ? "avro/binary" : "application/protobuf"])
        for (scenario, id) in zip(Self.scenarios, ids) {
            let types = records.filter { $0.key == id }.compactMap(\.type)
            for type in ["OrderCreated"] + scenario.once {
                #expect(types.count { $0 == type } == 1, "\(scenario.name): one \(type) in \(types)")
            }
            for type in scenario.never {
                #expect(!types.contains(type), "\(scenario.name): no \(type) in \(types)")
            }
        }
        // Two articles each for the two orders that were confirmed, and nothing held back for the others.
        try await eventually("the stock is what it must be") {
            let stock = try await inventory.get("/stock/ABC").json()
            return stock["onHand"] as? Int == 996 && stock["reserved"] as? Int == 0
        }
        let mails = try shop.mails()
        let expected = Self.scenarios.flatMap(\.mails).count
        #expect((expected...expected + Self.scenarios.count(where: \.mayBeRefunded)).contains(mails.count))

        // What is confirmed can't be cancelled any more, and says so every time.
        for _ in 0..<2 {
            let refused = try await up.client.post("/orders/\(ids[0])/cancel")
            #expect(refused.status == 409)
            #expect(refused.header("Content-Type") == "application/problem+json")
        }
        let saga = try await up.client.get("/orders/\(ids[3])/saga")
        #expect(saga.status == 200)
        #expect(try saga.json()["status"] as? String == "compensated")
        #expect(try shop.run("sagas", "list", "--attention", "--json") == "")
        #expect(try shop.run("sagas", "show", ids[0]).contains("completed"))
        #expect(try shop.run("sagas", "check").hasPrefix("0 under way; "))
        try shop.run("sagas", "retry", ids[0], "--note", "x", "--by", "test", expecting: 1)
        // Who reads the topics besides.
        try shop.run("status", "--verify", "--settle", "5s")
        let shown = try shop.run("replay", "order-events", "--key", ids[0], "--type", "OrderCreated")
        #expect(shown.contains(#""payload":{"orderId":"\#(ids[0])","userId":"alice""#), "\(shown)")
        try shop.run("replay", "--into", "orders")
        #expect(try up.terminate() == 0)
    }
}
