import Foundation
import TestServers
import TestShop
import Testing

/// The way of an order through real daemons, a real broker and a real database, seen from outside.
@Suite(.serialized) struct PipelineTests {
    @Test func anOrderReachesEveryService() async throws {
        let shop = try Shop()
        let api = try shop.daemon("api")
        let others = try ["shipping", "notification", "projection"].map { try shop.daemon($0) }
        for daemon in [api] + others { try daemon.start() }
        for daemon in [api] + others { try await daemon.waitUntilReady() }

        let answer = try await api.client.post("/orders", ShopClient.simpleOrder)
        #expect(answer.status == 201)
        #expect(answer.header("ETag") == "\"1\"")
        let json = try answer.json()
        #expect(json["success"] as? Bool == true)
        let order = try #require(json["order"] as? [String: any Sendable])
        let id = try #require(order["orderId"] as? String)
        #expect(answer.header("Location") == "/orders/\(id)")
        #expect(order["total"] as? Double == 49.99)

        try await eventually("the read model has order and shipment") {
            try await api.client.view(id)?["shipment"] is [String: any Sendable]
        }
        let view = try #require(try await api.client.view(id))
        #expect(view["userId"] as? String == "alice")

        let records = try shop.records(of: "order-events").filter { $0.key == id }
        let created = try #require(records.first)
        #expect(created.type == "OrderCreated")
        #expect(created.payload["orderId"] as? String == id)
        #expect(created.payload["userId"] as? String == "alice")
        #expect(created.payload["total"] as? Double == 49.99)
        #expect(created.headers["ce_type"] == "OrderCreated")
        #expect(created.headers["ce_subject"] == id)
        #expect(created.headers["ce_specversion"] == "1.0")
        #expect(created.headers["content-type"] == "application/json")
        #expect(records.filter { $0.type == "ShipmentCreated" }.count == 1)

        let history = try await api.client.get("/orders/\(id)/events")
        #expect(history.status == 200)
        #expect(history.text.contains("OrderCreated"))

        for daemon in [api] + others {
            #expect(try daemon.terminate() == 0, "\(daemon.role) ends cleanly")
        }
    }

    @Test func badOrdersAreAnsweredWithThePlaceOfTheMistake() async throws {
        let shop = try Shop()
        let api = try shop.daemon("api")
        try api.start()
        try await api.waitUntilReady()
        let table: [(body: String, status: Int, pointer: String?)] = [
            (#"{"items":[{"sku":"A","qty":1}],"total":1}"#, 422, "/userId"),
            (#"{"userId":"a","items":[],"total":1}"#, 422, "/items"),
            (#"{"userId":"a","items":[{"sku":"A","qty":0}],"total":1}"#, 422, "/items/0/qty"),
            (#"{"userId":"a","items":[{"sku":"A","qty":"1"}],"total":1}"#, 422, "/items/0/qty"),
            (#"{"userId":"a","items":[{"sku":"A","qty":10001}],"total":1}"#, 422, "/items/0/qty"),
            (#"{"userId":"a","items":[{"sku":"A","qty":1}],"total":-1}"#, 422, "/total"),
            (#"{"userId":"a","items":[{"sku":"A","qty":1}],"total":1.999}"#, 422, "/total"),
            (#"{"userId":"a","items":[{"sku":"A","qty":1}]}"#, 422, "/total"),
            (#"{"userId":"a""#, 400, nil),
            (#"[1]"#, 422, ""),
        ]
        for (body, status, pointer) in table {
            let answer = try await api.client.post("/orders", body)
            #expect(answer.status == status, "\(body) → \(answer.text)")
            #expect(answer.header("Content-Type") == "application/problem+json")
            if let pointer {
                let errors = try answer.json()["errors"] as? [[String: any Sendable]]
                #expect(errors?.contains { $0["pointer"] as? String == pointer } == true, "\(body) → \(answer.text)")
            }
        }
        #expect(try shop.records(of: "order-events").isEmpty)
    }

    @Test func aRepeatedOrderIsTheSameOrder() async throws {
        let shop = try Shop()
        let api = try shop.daemon("api")
        try api.start()
        try await api.waitUntilReady()
        let headers = ["Idempotency-Key": "\"checkout-17\""]
        let first = try await api.client.post("/orders", ShopClient.simpleOrder, headers: headers)
        let second = try await api.client.post("/orders", ShopClient.simpleOrder, headers: headers)
        #expect(first.status == 201)
        #expect(second.status == 201)
        #expect(second.header("Idempotency-Replayed") == "true")
        #expect(first.body == second.body)
        let other = try await api.client.post(
            "/orders", #"{"userId":"alice","items":[{"sku":"ABC","qty":3}],"total":49.99}"#, headers: headers)
        #expect(other.status == 422)
        try eventually("the order is on the topic") { try !shop.records(of: "order-events").isEmpty }
        #expect(try shop.records(of: "order-events").filter { $0.type == "OrderCreated" }.count == 1)
    }

    /// Kafka down means that events queue up in PostgreSQL.
    @Test func ordersAreTakenWhileKafkaIsAway() async throws {
        let shop = try Shop()
        let api = try shop.daemon("api")
        let projection = try shop.daemon("projection")
        try api.start()
        try projection.start()
        try await api.waitUntilReady()
        try await projection.waitUntilReady()
        try shop.broker.kill()
        var ids: [String] = []
        for _ in 0..<20 { ids.append(try await api.client.order()) }
        try shop.broker.restart()
        for id in ids {
            try await eventually(within: .seconds(40), "order \(id) is in the read model") {
                try await api.client.view(id) != nil
            }
        }
        let created = try shop.records(of: "order-events").filter { $0.type == "OrderCreated" }.compactMap(\.key)
        #expect(created.sorted() == ids.sorted())
    }

    /// A producer in another language that knows nothing of our headers.
    @Test func aForeignProducersBareMessageIsAnOrder() async throws {
        let shop = try Shop()
        let api = try shop.daemon("api")
        let others = try ["shipping", "projection"].map { try shop.daemon($0) }
        for daemon in [api] + others { try daemon.start() }
        for daemon in [api] + others { try await daemon.waitUntilReady() }
        let id = "7d3c1e2a-0000-4000-8000-0123456789ab"
        let value = """
            {"type":"OrderCreated","payload":{"orderId":"\(id)","userId":"bob","items":[{"sku":"X","qty":1}],\
            "total":10,"currency":"USD","createdAt":"2026-01-02T03:04:05Z"}}
            """
        try shop.produce(value, key: id, to: "order-events")
        try shop.produce("not JSON", key: "elsewhere", to: "order-events")
        try shop.produce(#"{"type":"SomethingElse","payload":{}}"#, key: id, to: "order-events")
        try await eventually("the foreign order is shipped in the read model") {
            try await api.client.view(id)?["shipment"] is [String: any Sendable]
        }
        #expect(try await api.client.view(id)?["userId"] as? String == "bob")
        try eventually("what isn't JSON is a dead letter of each group") {
            try ["shipping-group", "projection-group"].allSatisfy { group in
                let letters = try shop.records(of: "order-events.\(group).dlt")
                return letters.count == 1 && letters[0].value == "not JSON" && letters[0].key == "elsewhere"
            }
        }
        let records = try shop.records(of: "order-events").filter { $0.key == id }
        #expect(records.filter { $0.type == "OrderCreated" }.count == 1)
        #expect(records.filter { $0.type == "ShipmentCreated" }.count == 1)
    }

    /// Daemons wait for servers that are away, and say so.
    @Test func daemonsWaitForTheirServers() async throws {
        let shop = try Shop()
        let api = try shop.daemon("api")
        let projection = try shop.daemon("projection")
        try shop.postgres.kill()
        try shop.broker.kill()
        try api.start()
        try projection.start()
        for daemon in [api, projection] {
            try await eventually("\(daemon.role) says what it waits for") {
                guard let answer = try await daemon.client.get("/readyz", orNil: true) else { return false }
                return answer.status == 503 && answer.text.contains("not ready")
            }
        }
        #expect(try await api.client.get("/livez").status == 200)
        let refused = try await api.client.post("/orders", ShopClient.simpleOrder)
        #expect(refused.status == 503)
        #expect(refused.header("Retry-After") != nil)
        try shop.postgres.restart()
        try shop.broker.restart()
        for daemon in [api, projection] { try await daemon.waitUntilReady() }
        let id = try await api.client.order()
        try await eventually("the order is in the read model") { try await api.client.view(id) != nil }
    }

    /// `up` runs every role, and takes them all down with it.
    @Test func upRunsEverything() async throws {
        let shop = try Shop()
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let id = try await up.client.order()
        try await eventually("the order went all the way") {
            try await up.client.view(id)?["shipment"] is [String: any Sendable]
        }
        #expect(try up.terminate() == 0)
        #expect(!up.log.contains("killed"))
    }
}
