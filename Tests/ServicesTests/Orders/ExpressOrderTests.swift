import Foundation
import HTTPServer
import Messaging
import OrderflowKit
import Postgres
import TestServers
import Testing

@testable import OrderAPI

/// Who may place express orders, by whatever way they come, and what the event store then says of them.
@Suite(.blocking, .servers) struct ExpressOrderTests {
    private static let ordinary = #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1}"#
    private static let express = #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1,"priority":"express"}"#

    private static func principal(_ rights: Right...) -> Principal {
        Principal(.token, subject: "u", tenant: "default", rights: Rights(rights))
    }

    /// What the event store says of the priorities of an order's events: metadata, and the column that the relay goes by.
    private static func priorities(_ side: OrderSide, of id: String?) throws -> [String] {
        let rows = try side.connect().query(
            """
            SELECT coalesce(metadata->>'priority', '-') || ' ' || express FROM events WHERE stream_id = $1 ORDER BY version
            """, [.text(id ?? "")])
        return try rows.map { try $0.get(0, as: String.self) }
    }

    private static func batch(_ client: WireClient, _ policy: String) throws -> WireClient.Answer {
        let body = [ordinary, express].map { $0 + "\n" }.joined()
        try client.send(
            raw: "POST /orders/batch?policy=\(policy) HTTP/1.1\r\nHost: test\r\n"
                + "Content-Type: application/x-ndjson\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
        return try client.answer()
    }

    @Test func allEventsOfAnExpressOrderSayIt() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            for (body, said) in [
                (Self.express, "express true"), (Self.ordinary, "- false"),
                (#"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1,"priority":"ordinary"}"#, "- false"),
                (#"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1,"priority":null}"#, "- false"),
                // The token takes another way into the store.
                (
                    #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":1,"priority":"express","paymentToken":"t"}"#,
                    "express true"
                ),
            ] {
                try client.send("POST", "/orders", body: body)
                let id = try client.answer().text("orderId")
                try client.send("POST", "/orders/\(id ?? "")/cancel", body: "")
                #expect(try client.answer().status == 202)
                #expect(try Self.priorities(side, of: id) == [said, said], "\(body)")
                try client.send("GET", "/orders/\(id ?? "")/events", body: nil)
                #expect(try client.answer().body.contains(#""priority":"express""#) == (said == "express true"))
            }
            let answer = try Self.batch(client, "each")
            let ids = answer.body.matches(of: /"orderId":"([^"]+)"/).map { String($0.output.1) }
            #expect(try ids.map { try Self.priorities(side, of: $0) } == [["- false"], ["express true"]])
        }
    }

    @Test func itNeedsARightOfItsOwn() async throws {
        let side = try OrderSide()
        for principal in [Self.principal(.ordersWrite), Self.principal(.ordersWriteOwn)] {
            try await side.serve(as: principal) { client in
                try client.send("POST", "/orders", body: Self.express)
                let refused = try client.answer()
                #expect(refused.status == 403 && refused.text("pointer") == "/priority")
                #expect(refused.text("detail") == "the scope orders:express is needed")
                try client.send("POST", "/orders", body: Self.ordinary)
                #expect(try client.answer().status == 201)
                let lines = try Self.batch(client, "each").body.split(separator: "\n")
                #expect(lines.count == 3 && lines[0].contains("201") && lines[1].contains("403"))
                #expect(lines[1].contains(#""pointer":"/priority""#))
                let whole = try Self.batch(client, "all")
                #expect(whole.status == 422 && whole.text("pointer") == "/priority")
            }
        }
        for principal in [
            Self.principal(.ordersWrite, .ordersExpress), Self.principal(.ordersWriteOwn, .ordersExpress), .open,
        ] {
            try await side.serve(as: principal) { client in
                try client.send("POST", "/orders", body: Self.express)
                #expect(try client.answer().status == 201)
            }
        }
    }

    @Test func aPriorityThatIsNoneIsRefused() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            for word in [#""urgent""#, #""""#, "1", "true", #""EXPRESS""#, "[]"] {
                try client.send(
                    "POST", "/orders", body: String(Self.ordinary.dropLast()) + #","priority":\#(word)}"#)
                let answer = try client.answer()
                #expect(answer.status == 422 && answer.text("pointer") == "/priority", "\(word)")
            }
        }
    }

    /// The same key with another priority is another request, and keys of before are as they were.
    @Test func thePriorityBelongsToTheRequestOfAKey() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            let first = try client.post("/orders", key: "k", Self.express)
            #expect(first.status == 201)
            #expect(try client.post("/orders", key: "k", Self.express).isReplay)
            #expect(try client.post("/orders", key: "k", Self.ordinary).status == 422)
        }
    }

    @Test func withoutLanesItGoesWithAllOthers() async throws {
        var side = try OrderSide()
        side.hasLanes = false
        try await side.serve(as: Self.principal(.ordersWrite, .ordersExpress)) { [side] client in
            try client.send("POST", "/orders", body: Self.express)
            #expect(try Self.priorities(side, of: client.answer().text("orderId")) == ["- false"])
        }
        // Who may not, may not.
        try await side.serve(as: Self.principal(.ordersWrite)) { client in
            try client.send("POST", "/orders", body: Self.express)
            #expect(try client.answer().status == 403)
        }
    }
}
