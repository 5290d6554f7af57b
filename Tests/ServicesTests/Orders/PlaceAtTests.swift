import Execution
import Foundation
import JSON
import Messaging
import OrderFacts
import Orders
import Postgres
import TestServers
import Testing

@testable import OrderAPI
@testable import OrderflowKit

/// Orders that are placed at a time of their own: over HTTP and a database, up to what their time brings.
@Suite(.blocking, .servers) struct PlaceAtTests {
    private static func body(_ placeAt: String, user: String = "u") -> String {
        #"{"userId":"\#(user)","items":[{"sku":"A","qty":1}],"total":5,"placeAt":"\#(placeAt)"}"#
    }

    private static func time(in seconds: Int64) -> String {
        RFC3339.text(WallClock.nowMicroseconds() + seconds * 1_000_000)
    }

    /// The stream of an order, by types.
    private static func history(_ id: String, _ connection: Connection) throws -> [String] {
        try connection.query("SELECT type FROM events WHERE stream_id = $1 ORDER BY version", [.text(id)])
            .map { try $0.get(0, as: String.self) }
    }

    /// What a relay that leads would hand to the order service.
    private static func due(_ connection: Connection) throws -> [InboundMessage] {
        _ = try connection.execute("UPDATE scheduled_messages SET due_at = now() - interval '1 second'")
        return try connection.query(
            "DELETE FROM scheduled_messages RETURNING type, data, key, metadata"
        ).map { row in
            let metadata = try row.withBytes(3) { try EventMetadata(json: $0) }
            return InboundMessage(
                id: metadata.id, type: try row.get(0, as: String.self), schemaVersion: 1,
                payload: try row.get(1, as: [UInt8].self), key: try row.get(2, as: String.self),
                tenant: metadata.tenant,
                correlationID: metadata.correlationID, traceparent: nil, time: metadata.time, streamVersion: nil,
                source: .init(topic: "order-commands", partition: 0, offset: 0), origin: metadata.source)
        }
    }

    @Test func anOrderExistsAtOnceAndIsPlacedAtItsTime() async throws {
        let side = try OrderSide()
        let placeAt = Self.time(in: 3_600)
        let first = Monitor("")
        try await side.serve { client in
            let answer = try client.post("/orders", key: "one", Self.body(placeAt))
            #expect(answer.status == 201)
            #expect(answer.text("status") == "scheduled" && answer.text("placeAt") == placeAt, "\(answer.body)")
            let id = try #require(answer.text("orderId"))
            #expect(answer.header("Location") == "/orders/\(id)")
            first.withLock { $0 = id }
            // The same request is the same order, in whatever notation of its time; another time is another request.
            let again = try client.post("/orders", key: "one", Self.body(placeAt))
            #expect(again.isReplay && again.body == answer.body)
            #expect(try client.post("/orders", key: "one", Self.body(Self.time(in: 7_200))).status == 422)
        }
        let (id, connection) = (first.withLock { $0 }, try side.connect())
        #expect(try Self.history(id, connection) == ["OrderScheduled"])
        let messages = try Self.due(connection)
        #expect(messages.map(\.type) == ["PlaceOrder"] && messages.first?.key == id)
        let handler = OrderCommandHandler()
        #expect(handler.heardOfItself.contains(PlaceOrder.type) && messages.first?.origin == handler.ignoredSource)
        try handler.apply(messages + messages, on: connection)
        try handler.apply(messages, on: connection)
        #expect(try Self.history(id, connection) == ["OrderScheduled", "OrderCreated"])
        let early = try connection.query(PlacingTime.evidence.sql).map { try $0.get(1, as: String.self) }
        #expect(
            early.count == 1 && early[0].contains("before \(placeAt)"), "the test was faster than its time: \(early)")
        try await side.serve { client in
            try client.send("POST", "/orders/\(id)/cancel", body: "{}")
            #expect(try client.answer().text("status") == "cancelling")
        }
    }

    /// A request that was in time once is, however late it comes again; another one isn't.
    @Test func aRepeatedRequestWasInTime() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            let time = WallClock.nowMicroseconds() + 700_000
            let body = Self.body(RFC3339.text(time))
            let first = try client.post("/orders", key: "one", body)
            #expect(first.status == 201)
            try eventually("its time has passed") { WallClock.nowMicroseconds() > time }
            let again = try client.post("/orders", key: "one", body)
            #expect(again.isReplay && again.body == first.body)
            #expect(try client.post("/orders", key: "two", body).status == 422)
        }
    }

    @Test func aTimeHasToBeAheadAndNear() async throws {
        let side = try OrderSide()
        try await side.serve { client in
            for (time, words) in [
                (Self.time(in: -1), "future"), (Self.time(in: 91 * 86_400), "orders.place_ahead"),
                ("tomorrow", "RFC 3339"),
                ("2030-01-01T00:00:00", "RFC 3339"),
            ] {
                for key in [nil, "k"] {
                    try client.send(
                        "POST", "/orders", key.map { ["Idempotency-Key": $0] } ?? [:], body: Self.body(time))
                    let answer = try client.answer()
                    #expect(answer.status == 422 && answer.text("pointer") == "/placeAt", "\(time): \(answer.body)")
                    #expect(answer.body.contains(words), "\(time): \(answer.body)")
                }
            }
            try client.send(
                "POST", "/orders", body: #"{"userId":"u","items":[{"sku":"A","qty":1}],"total":5,"placeAt":null}"#)
            #expect(try client.answer().text("status") == "pending")
        }
        #expect(try side.connect().query("SELECT FROM scheduled_messages").count == 0)
    }

    /// Cancelled before its time, it is withdrawn with all that waits; what is on its way already changes nothing.
    @Test func itIsCancelledBeforeItsTime() async throws {
        let side = try OrderSide()
        let order = Monitor("")
        let connection = try side.connect()
        let early = Monitor<[InboundMessage]>([])
        try await side.serve { client in
            try client.send("POST", "/orders", body: Self.body(Self.time(in: 60)))
            let id = try #require(try client.answer().text("orderId"))
            order.withLock { $0 = id }
            let connection = try side.connect()
            _ = try connection.execute(
                "CREATE TABLE kept AS SELECT * FROM scheduled_messages")
            try client.send("POST", "/orders/\(id)/cancel", body: #"{"reason":"changed my mind"}"#)
            let answer = try client.answer()
            #expect(answer.status == 202 && answer.text("status") == "cancelled", "\(answer.body)")
            #expect(try connection.query("SELECT FROM scheduled_messages").count == 0)
            try client.send("POST", "/orders/\(id)/cancel", body: "{}")
            #expect(try client.answer().text("reason") == "changed my mind")
            _ = try connection.execute(
                """
                INSERT INTO scheduled_messages (due_at, tenant, topic, key, type, schema_version, data, metadata)
                SELECT due_at, tenant, topic, key, type, schema_version, data, metadata FROM kept
                """)
            early.withLock { $0 = (try? Self.due(connection)) ?? [] }
        }
        let messages = early.withLock { $0 }
        #expect(messages.count == 1)
        try OrderCommandHandler().apply(messages, on: connection)
        #expect(try Self.history(order.withLock { $0 }, connection) == ["OrderScheduled", "OrderWithdrawn"])
        for claim in [PlacingTime.evidence] + Evidence.general {
            #expect(try connection.query(claim.sql).count == 0, "\(claim.claim)")
        }
    }

    /// Lines of a batch may have times, and one that is withdrawn counts as cancelled, once.
    @Test func batchesTakeThem() async throws {
        let side = try OrderSide()
        let times = [Self.time(in: 60), Self.time(in: 120)]
        let (lines, ids) = (times.map { Self.body($0) + "\n" }, Monitor<[String]>([]))
        let body = lines.joined() + Self.body("never") + "\n"
        try await side.serve { client in
            try client.send(
                raw: "POST /orders/batch HTTP/1.1\r\nHost: test\r\nIdempotency-Key: \"b\"\r\n"
                    + "Content-Type: application/x-ndjson\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
            let answer = try client.answer()
            let found = answer.body.split(separator: "\n").compactMap { line in
                (try? JSONValue(parsing: String(line)))?["orderId"]?.string
            }
            #expect(found.count == 2 && answer.body.contains("/placeAt"), "\(answer.body)")
            ids.withLock { $0 = found }
            try client.send("POST", "/orders/\(found.first ?? "")/cancel", body: "{}")
            #expect(try client.answer().status == 202)
        }
        let connection = try side.connect()
        #expect(try connection.query("SELECT FROM scheduled_messages WHERE type = 'PlaceOrder'").count == 1)
        let withdrawn = inbound(
            OrderWithdrawn(orderID: ids.withLock { $0[0] }, reason: "r", at: 1), source: OrderStreams.source)
        let handler = OrderCommandHandler()
        try handler.apply([withdrawn], on: connection)
        try handler.apply([withdrawn, withdrawn], on: connection)
        try eventually("the batch is closed") {
            try connection.query("SELECT FROM batches WHERE sealed_at IS NOT NULL AND cancelled = 1").count == 1
        }
        #expect(try connection.query(BatchEvidence.counts.sql).count == 0)
    }
}

/// A message by whom the source says.
private func inbound<Payload: OrderPayload>(_ payload: Payload, source: String) -> InboundMessage {
    InboundMessage(
        id: UUIDText.v7(microseconds: 0), type: Payload.type, schemaVersion: 1, payload: payload.bytes,
        key: payload.key,
        tenant: "default", correlationID: "c", traceparent: nil, time: 0, streamVersion: nil,
        source: .init(topic: "t", partition: 0, offset: 0), origin: source)
}
