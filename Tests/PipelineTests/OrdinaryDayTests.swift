import Execution
import Foundation
import JSON
import TestServers
import TestShop
import Testing

/// What goes through a shop whose servers and daemons are all well.
@Suite(.serialized, .servers, .sharedShop) struct OrdinaryDayTests {
    @Test func anOrderReachesEveryService() async throws {
        let running = try #require(SharedShop.current)
        let client = running.client(of: "whole-way")
        let answer = try await client.post("/orders", ShopClient.simpleOrder)
        #expect(answer.status == 201)
        #expect(answer.header("ETag") == "\"1\"")
        let json = try answer.json()
        #expect(json["success"] as? Bool == true)
        let order = try #require(json["order"] as? [String: any Sendable])
        let id = try #require(order["orderId"] as? String)
        #expect(answer.header("Location") == "/orders/\(id)")
        #expect(order["total"] as? Double == 49.99)

        try await eventually("the read model has order and shipment") {
            try await client.view(id)?["shipment"] is [String: any Sendable]
        }
        let view = try #require(try await client.view(id))
        #expect(view["userId"] as? String == "alice")

        let records = try running.records(of: "order-events", tenant: "whole-way")
        let created = try #require(records.first)
        #expect(records.allSatisfy { $0.key == id })
        #expect(created.type == "OrderCreated")
        #expect(created.payload["orderId"] as? String == id)
        #expect(created.payload["userId"] as? String == "alice")
        #expect(created.payload["total"] as? Double == 49.99)
        #expect(created.headers["ce_type"] == "OrderCreated")
        #expect(created.headers["ce_subject"] == id)
        #expect(created.headers["ce_specversion"] == "1.0")
        #expect(created.headers["content-type"] == "application/json")
        #expect(records.filter { $0.type == "ShipmentCreated" }.count == 1)

        let history = try await client.get("/orders/\(id)/events")
        #expect(history.status == 200)
        #expect(history.text.contains("OrderCreated"))
    }

    /// The shop by GraphQL alone: an order is placed, and everything about it comes with one request.
    @Test func graphQLTellsTheWholeOrder() async throws {
        let running = try #require(SharedShop.current)
        let client = running.client(of: "graphql")
        func ask(_ query: String, _ variables: [String: any Sendable] = [:]) async throws -> JSONValue {
            let body = try JSONSerialization.data(withJSONObject: ["query": query, "variables": variables])
            let answer = try await client.post("/graphql", String(decoding: body, as: UTF8.self))
            return try JSONValue(parsing: answer.text)
        }
        let user = try await ask(
            #"mutation { createUser(input: {userId: "gina", name: "Gina", email: "gina@example.com"}) { user { name } } }"#
        )
        #expect(user["data"]?["createUser"]?["user"]?["name"] == "Gina", "\(user)")
        let place = """
            mutation { placeOrder(idempotencyKey: "cart", input: {
              userId: "gina", items: [{sku: "ABC", qty: 2}], total: 49.99 }) { replayed order { id status total } } }
            """
        let placed = try await ask(place)
        let id = try #require(placed["data"]?["placeOrder"]?["order"]?["id"]?.string, "\(placed)")
        #expect(try await ask(place)["data"]?["placeOrder"]?["replayed"] == true)

        let whole = """
            query($id: ID!) { order(id: $id) {
              status total currency items { sku qty } payment { status amount } shipment { status shipmentId }
              notifications { kind } timeline { type }
              events { version type audit { tenant } } saga { status steps { step progress } log { event } }
              customer { name orderCount spend { total } orders { edges { node { id } } } }
              invoice { totals { total } orders { edges { node { orderId } } } }
            } }
            """
        let seen = Monitor<JSONValue>(.null)
        try await eventually("everything is known of the order") {
            let answer = try await ask(whole, ["id": id])
            seen.withLock { $0 = answer }
            let order = answer["data"]?["order"]
            return order?["status"] == "confirmed" && order?["shipment"]?["status"] == "dispatched"
                && order?["saga"]?["status"] == "completed" && order?["customer"]?["name"] == "Gina"
                && order?["notifications"]?.array?.isEmpty == false
                && order?["invoice"]?["totals"]?[0]?["total"] == "49.99"
        }
        let answer = seen.withLock { $0 }
        let order = try #require(answer["data"]?["order"])
        #expect(answer["errors"] == nil, "\(answer)")
        #expect(order["payment"] == ["status": "charged", "amount": "49.99"])
        #expect(order["events"]?.array?.map { $0["type"] } == ["OrderCreated", "OrderConfirmed"])
        #expect(order["saga"]?["steps"]?.array?.allSatisfy { $0["progress"] == "succeeded" } == true)
        #expect(order["customer"]?["orders"]?["edges"] == [["node": ["id": .string(id)]]])
        #expect(order["invoice"]?["orders"]?["edges"] == [["node": ["orderId": .string(id)]]])

        let late = try await ask("mutation($id: ID!) { cancelOrder(id: $id) { status } }", ["id": id])
        #expect(late["errors"]?[0]?["extensions"]?["code"] == "CONFLICT", "\(late)")
        let stock = try await ask(#"{ stock(sku: "ABC") { sku available } }"#)
        #expect(stock["errors"] == nil && stock["data"]?.object != nil, "\(stock)")
    }

    @Test func badOrdersAreAnsweredWithThePlaceOfTheMistake() async throws {
        let running = try #require(SharedShop.current)
        let client = running.client(of: "mistaken")
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
            let answer = try await client.post("/orders", body)
            #expect(answer.status == status, "\(body) → \(answer.text)")
            #expect(answer.header("Content-Type") == "application/problem+json")
            if let pointer {
                let errors = try answer.json()["errors"] as? [[String: any Sendable]]
                #expect(errors?.contains { $0["pointer"] as? String == pointer } == true, "\(body) → \(answer.text)")
            }
        }
        #expect(try running.records(of: "order-events", tenant: "mistaken").isEmpty)
    }

    @Test func aRepeatedOrderIsTheSameOrder() async throws {
        let running = try #require(SharedShop.current)
        let client = running.client(of: "repeated")
        let headers = ["Idempotency-Key": "\"checkout-17\""]
        let first = try await client.post("/orders", ShopClient.simpleOrder, headers: headers)
        let second = try await client.post("/orders", ShopClient.simpleOrder, headers: headers)
        #expect(first.status == 201)
        #expect(second.status == 201)
        #expect(second.header("Idempotency-Replayed") == "true")
        #expect(first.body == second.body)
        let other = try await client.post(
            "/orders", #"{"userId":"alice","items":[{"sku":"ABC","qty":3}],"total":49.99}"#, headers: headers)
        #expect(other.status == 422)
        try eventually("the order is on the topic") {
            try !running.records(of: "order-events", tenant: "repeated").isEmpty
        }
        #expect(try running.records(of: "order-events", tenant: "repeated").count { $0.type == "OrderCreated" } == 1)
    }

    /// A producer in another language that knows nothing of our headers.
    @Test func aForeignProducersBareMessageIsAnOrder() async throws {
        let running = try #require(SharedShop.current)
        // Without a header its tenant is this one.
        let (shop, client) = (running.shop, running.client(of: "default"))
        let id = "7d3c1e2a-0000-4000-8000-0123456789ab"
        let value = """
            {"type":"OrderCreated","payload":{"orderId":"\(id)","userId":"bob","items":[{"sku":"X","qty":1}],\
            "total":10,"currency":"USD","createdAt":"2026-01-02T03:04:05Z"}}
            """
        try shop.produce(value, key: id, to: "order-events")
        try shop.produce("not JSON", key: "elsewhere", to: "order-events")
        try shop.produce(#"{"type":"SomethingElse","payload":{}}"#, key: id, to: "order-events")
        try await eventually("the foreign order is shipped in the read model") {
            try await client.view(id)?["shipment"] is [String: any Sendable]
        }
        #expect(try await client.view(id)?["userId"] as? String == "bob")
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

    @Test func aConfirmedOrderIsOnItsUsersInvoice() async throws {
        let running = try #require(SharedShop.current)
        let client = running.client(of: "invoiced")

        // The order is there before its user.
        let id = try await client.order()
        let read = try await client.get("/orders/\(id)?minVersion=2", headers: ["Prefer": "wait=10"])
        #expect(read.status == 200, "\(read.text)")
        #expect(try read.json()["status"] as? String == "confirmed")

        let user = #"{"userId":"alice","name":"Alice","email":"alice@example.com"}"#
        let account = #"{"userId":"alice","address":{"street":"1 Main St","city":"Springfield"}}"#
        #expect(try await client.post("/accounts", account).status == 422)
        #expect(try await client.post("/users", user).status == 201)
        #expect(try await client.post("/users", user).status == 409)
        let key = ["Idempotency-Key": "account-1"]
        let first = try await client.post("/accounts", account, headers: key)
        let second = try await client.post("/accounts", account, headers: key)
        #expect(first.status == 201 && second.status == 201 && first.body == second.body)
        #expect(second.header("Idempotency-Replayed") == "true")
        let other = try await client.post("/accounts", #"{"userId":"alice","address":"2"}"#, headers: key)
        #expect(other.status == 422)

        let createdAt = try #require(try read.json()["createdAt"] as? String)
        let query = "year=\(createdAt.prefix(4))&month=\(Int(createdAt.dropFirst(5).prefix(2)) ?? 0)"
        try await eventually("the invoice has order, user and address") {
            let invoice = try await client.get("/invoices?user_id=alice&\(query)").json()
            return invoice["email"] as? String == "alice@example.com"
                && invoice["shippingAddress"] as? String == "1 Main St, Springfield"
                && (invoice["orders"] as? [[String: any Sendable]])?.map { $0["orderId"] as? String } == [id]
                && invoice["total"] as? Double == 49.99
        }
        let records = try running.records(of: "user-events", tenant: "invoiced")
        #expect(records.map(\.type) == ["UserCreated", "AccountCreated"])
        #expect(records.allSatisfy { $0.key == "alice" && $0.headers["ce_subject"] == "alice" })

        let history = try await client.get("/orders/\(id)/events").text
        #expect(history.contains("\"audit\"") && history.contains("\"correlationId\""))
        #expect(try await client.get("/orders/\(id)?at=\(createdAt)").json()["status"] as? String == "pending")
    }

    /// An order for later is there at once, can be listed and withdrawn, and is at its time an order like any other.
    @Test func anOrderForLaterWaitsForItsTime() async throws {
        let running = try #require(SharedShop.current)
        let client = running.client(of: "later")
        func order(in seconds: Double) async throws -> String {
            let time = Date(timeIntervalSinceNow: seconds).ISO8601Format(.init(includingFractionalSeconds: true))
            return try await client.order(
                #"{"userId":"alice","items":[{"sku":"ABC","qty":1}],"total":5,"placeAt":"\#(time)"}"#)
        }
        func status(_ id: String) async throws -> String? { try await client.view(id)?["status"] as? String }
        let far = try await order(in: 3_600)
        let near = try await order(in: 1.5)
        try await eventually("the order shows") { try await status(far) == "scheduled" }
        #expect(try await client.view(far)?["placeAt"] is String)
        #expect(try await client.get("/orders?status=scheduled").text.contains(far))
        func listed() throws -> String {
            try running.shop.run("schedule", "list", "--service", "orders", "--tenant", "later", "--json")
        }
        #expect(try listed().contains(far))
        #expect(try await client.post("/orders/\(far)/cancel").status == 202)
        #expect(try !listed().contains(far))
        try await eventually("one is withdrawn, the other confirmed") {
            let (far, near) = (try await status(far), try await status(near))
            return far == "cancelled" && near == "confirmed"
        }
        let records = try running.records(of: "order-events", tenant: "later")
        #expect(records.filter { $0.key == far }.map(\.type) == ["OrderScheduled", "OrderWithdrawn"])
        #expect(records.filter { $0.key == near }.map(\.type).prefix(2) == ["OrderScheduled", "OrderCreated"])
        let missing = try running.shop.run("schedule", "cancel", "orders/1", "--note", "too late", expecting: 1)
        #expect(missing.isEmpty)
    }
}
