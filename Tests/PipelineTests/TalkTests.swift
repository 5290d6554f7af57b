import Foundation
import TestServers
import TestShop
import Testing

/// What services ask each other over Kafka, and what partners get of it, with daemons that are killed.
@Suite(.serialized, .blocking, .servers) struct TalkTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// One for both tests: neither looks at what the other leaves.
    private static let shop = Result {
        try Shop(settings: [
            "ORDERFLOW_QUOTES_TIMEOUT": "1s",
            "ORDERFLOW_ROUTES_PARTNER_ACME": "topic=acme.order.# to=partner-acme tenant=acme",
            "ORDERFLOW_ROUTES_LARGE": "fanout to=euros type=OrderCreated /currency=EUR",
        ])
    }

    @Test func aQuoteIsAnsweredByInventoryOrWhoStandsInForIt() async throws {
        let shop = try Self.shop.get()
        let (api, inventory) = (try shop.daemon("api"), try shop.daemon("inventory"))
        defer { for daemon in [api, inventory] { daemon.stop() } }
        for daemon in [api, inventory] { try daemon.start() }
        for daemon in [api, inventory] { try await daemon.waitUntilReady() }
        try shop.run("stock", "set", "ABC", "5")
        try eventually("the way for answers is made before anybody asks") {
            try shop.shell("kcat -b \(shop.broker.bootstrapServers) -L").contains("replies.orders.")
        }
        func ask(_ quantity: Int) async throws -> ShopClient.Answer {
            try await api.client.post(
                "/quotes",
                #"{"items":[{"sku":"ABC","qty":\#(quantity),"price":19.99},{"sku":"NEW","qty":1,"price":"5"}]}"#)
        }
        /// The first ones may have to wait for the group.
        func answered(_ quantity: Int, _ what: String) async throws -> String {
            var answer = try await ask(quantity)
            try await eventually(within: .seconds(40), "\(what) \(answer.text) \(inventory.log.suffix(2_000))") {
                answer = try await ask(quantity)
                return answer.status == 200
            }
            return answer.text
        }
        let enough =
            #"{"available":true,"items":[{"sku":"ABC","qty":2,"available":true,"stock":5,"price":19.99,"#
            + #""amount":39.98},{"sku":"NEW","qty":1,"available":true,"price":5.00,"amount":5.00}],"#
            + #""total":44.98,"currency":"USD"}"#
        #expect(try await answered(2, "inventory answers") == enough)
        #expect(try await answered(6, "inventory answers").hasPrefix(#"{"available":false,"#))
        let bad = try await api.client.post("/quotes", #"{"items":[{"sku":"ABC","qty":1,"price":-1}]}"#)
        #expect(bad.status == 422 && bad.text.contains(#""pointer":"/items/0/price""#), "\(bad.text)")

        try inventory.kill()
        let late = try await ask(2)
        #expect(late.status == 504 && late.header("Retry-After") == "1", "\(late.status) \(late.text)")
        #expect(late.header("Content-Type") == "application/problem+json")

        let responder = try ServerProcess("quote-responder", environment: [:]) { _ in
            [
                PythonProgram.interpreter, Self.root + "/Examples/quote-responder/quote_responder.py",
                "--brokers", shop.broker.bootstrapServers, "--stock", "ABC=7",
            ]
        }
        defer { responder.stop() }
        try responder.start()
        #expect(try await answered(2, "Python answers: \(responder.log)").contains(#""stock":7"#))
        responder.stop()

        // Both sides are killed; what was asked meanwhile has passed its deadline.
        try api.kill()
        for daemon in [api, inventory] { try daemon.start() }
        for daemon in [api, inventory] { try await daemon.waitUntilReady() }
        #expect(try await answered(2, "inventory is back") == enough)
        let metrics = try await inventory.client.get("/metrics").text
        #expect(metrics.contains(#"orderflow_responder_requests_total{"#) && metrics.contains(#"outcome="answered""#))
        #expect(try await api.client.get("/metrics")?.text.contains("orderflow_requests_in_flight 0") == true)

        #expect(try api.terminate() == 0)
        let topics = try shop.shell("kcat -b \(shop.broker.bootstrapServers) -L")
        #expect(!topics.contains("replies.orders."), "the topic for answers goes with its process")
    }

    /// The process whose relay copies is killed again and again.
    @Test func aPartnerGetsEveryFactOfItsOwnOnceAndNobodyElses() async throws {
        let shop = try Self.shop.get()
        let api = try shop.daemon("api", instance: 2)
        defer { api.stop() }
        var ids: [String: [String]] = ["acme": [], "globex": [], "acme.order": []]
        for round in 0..<3 {
            try api.start()
            try await api.waitUntilReady()
            for number in 0..<4 {
                for tenant in ids.keys.sorted() {
                    let client = ShopClient(port: api.port, tenant: tenant)
                    let currency = number % 2 == 0 ? "EUR" : "USD"
                    let id = try await client.order(
                        #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1,"currency":"\#(currency)"}"#)
                    ids[tenant]?.append(id)
                    #expect(try await client.post("/orders/\(id)/cancel", "{}").status == 202)
                }
            }
            if round < 2 { try api.kill() }
        }
        let acme = try #require(ids["acme"])
        let all = Set(ids.values.flatMap(\.self))
        func facts(_ topic: String) throws -> [TopicRecord] {
            try shop.records(of: topic).filter { all.contains($0.key ?? "") }
        }
        try eventually(within: .seconds(40), "all is out; \(api.log.suffix(2_000))") {
            try facts("order-events").count == 2 * all.count
        }
        let copies = try facts("partner-acme")
        #expect(copies.count == 2 * acme.count && Set(copies.map { $0.headers["ce_tenant"] }) == ["acme"])
        let originals = Dictionary(
            grouping: try facts("order-events").filter { $0.headers["ce_tenant"] == "acme" }, by: { $0.key ?? "" })
        for (key, copied) in Dictionary(grouping: copies, by: { $0.key ?? "" }) {
            let original = originals[key] ?? []
            #expect(copied.map { $0.headers["ce_id"] } == original.map { $0.headers["ce_id"] }, "\(key)")
            #expect(copied.map(\.value) == original.map(\.value))
        }
        #expect(try facts("euros").count == all.count / 2 && facts("euros").allSatisfy { $0.type == "OrderCreated" })
        #expect(try await api.client.get("/metrics")?.text.contains(#"orderflow_route_copies_total{"#) == true)

        let test = try shop.shell(
            "'\(Shop.program)' replay order-events --key \(acme[0]) | '\(Shop.program)' routes test --event -")
        #expect(test.contains("routing key acme.order.created\n") && test.contains("copied to partner-acme"))
        #expect(test.contains("routing key acme.order.cancellation.requested\n") && test.contains("its type isn't"))
        #expect(try shop.run("routes", "list").contains("partner-acme  topic=acme.order.#  partner-acme  tenant=acme"))
        #expect(try api.terminate() == 0)
    }
}
