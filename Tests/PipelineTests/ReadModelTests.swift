import Foundation
import TestServers
import TestShop
import Testing

/// What the read models make of orders and users, through real daemons.
@Suite(.serialized) struct ReadModelTests {
    @Test func aConfirmedOrderIsOnItsUsersInvoice() async throws {
        let shop = try Shop()
        let up = try shop.up()
        try up.start()
        try await up.waitUntilReady()
        let client = up.client

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
        let records = try shop.records(of: "user-events")
        #expect(records.map(\.type) == ["UserCreated", "AccountCreated"])
        #expect(records.allSatisfy { $0.key == "alice" && $0.headers["ce_subject"] == "alice" })

        let history = try await client.get("/orders/\(id)/events").text
        #expect(history.contains("\"audit\"") && history.contains("\"correlationId\""))
        #expect(try await client.get("/orders/\(id)?at=\(createdAt)").json()["status"] as? String == "pending")
        #expect(try up.terminate() == 0)
    }
}
