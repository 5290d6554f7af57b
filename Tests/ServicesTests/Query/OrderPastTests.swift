import JSON
import Messaging
import OrderFacts
import Orders
import Randomness
import TestServers
import Testing

@testable import OrderflowKit
@testable import Projection

@Suite(.blocking) struct OrderPastTests {
    private static let money = Money(minorUnits: 4999, currency: .usd)

    /// Lives of an order with all that may happen, each fact a second after the one before.
    private static let lives: [[FactDraft]] = [
        [
            .stockReserved(items: []), .shipmentCreated(shipmentID: "s-1"),
            .paymentProcessed(amount: money, reference: "charge-1"), .orderConfirmed(userID: "alice", total: money),
            .shipmentDispatched(shipmentID: "s-1", trackingNumber: "T1"),
            .notificationSent(kind: "order-confirmed", recipient: "a@b", messageID: "m-1"),
        ],
        [
            .stockReserved(items: []), .paymentProcessed(amount: money, reference: "charge-1"),
            .shipmentFailed(reason: "no such street"), .paymentRefundFailed(reason: "bank is shut"),
            .paymentRefunded(amount: money, reference: "refund-1"), .stockReleased(items: []),
            .orderCancelled(userID: "alice", total: money, reason: "no such street"),
            .shipmentCancelled(shipmentID: nil),
            .notificationSent(kind: "order-cancelled", recipient: "a@b", messageID: "m-1"),
            .notificationSent(kind: "payment-refunded", recipient: "a@b", messageID: "m-2"),
        ],
        [
            .orderCancellationRequested(reason: "changed my mind"), .stockRejected(reason: "sold out", sku: "ABC"),
            .paymentFailed(reason: "declined"), .paymentVoided,
            .orderCancelled(userID: "alice", total: money, reason: "changed my mind"),
        ],
    ]

    private static let ownTypes: Set<String> = [
        OrderCreated.type, OrderConfirmed.type, OrderCancellationRequested.type, OrderCancelled.type,
    ]

    private func fold(_ messages: [InboundMessage]) throws -> OrderView {
        var view = OrderView(orderID: "o-1")
        for message in messages {
            let fact = try #require(try message.payload(of: .standard))
            _ = view.apply(
                FoldedFact(
                    payload: fact, id: message.id, origin: nil, streamVersion: message.streamVersion,
                    json: message.payload, schemaVersion: 1))
        }
        return view
    }

    /// Whatever order the facts came in, the past is what they would have made by themselves.
    @Test func thePastIsTheFoldOfTheFactsUntilThen() throws {
        var generator = SeededGenerator.fromEnvironment("thePastIsTheFoldOfTheFactsUntilThen")
        for life in Self.lives {
            var version = 1
            var messages = [created(at: 1_000_000)]
            for (index, kind) in life.enumerated() {
                let isOwn = Self.ownTypes.contains(kind.type)
                if isOwn { version += 1 }
                messages.append(heard(kind, at: Int64(index + 2) * 1_000_000, version: isOwn ? version : nil))
            }
            for _ in 0..<20 {
                let heardAs = messages.shuffled(using: &generator)
                // Through the document, as it is read from the table.
                let view = try fold(heardAs).document().withUnsafeBytes { try OrderView(document: $0) }
                #expect(view.asOf(999_999) == nil)
                for second in 1...messages.count {
                    let time = Int64(second) * 1_000_000 + 500_000
                    let expected = try fold(heardAs.filter { $0.time <= time })
                    #expect(
                        view.asOf(time)?.document() == expected.document(),
                        "\(second) s of \(heardAs.map(\.id)), seed \(generator.seed)")
                }
            }
        }
    }

    @Test(.servers) func thePastIsServed() async throws {
        try await ReadSide.run { side in
            try side.project([
                created(at: 1_767_225_600_000_000), confirmed(at: 1_767_225_660_000_000),
            ])
            let before = try side.get("/orders/o-1?at=2026-01-01T00:00:59Z")
            #expect(before.status == 200)
            #expect(try JSONValue(parsing: before.body)["status"] == "pending")
            #expect(try JSONValue(parsing: before.body)["version"] == 1)
            let after = try side.get("/orders/o-1?at=2026-01-01T01:01:00%2B01:00")
            #expect(after.status == 200)
            #expect(after.body == (try side.get("/orders/o-1").body))
            #expect(try side.get("/orders/o-1?at=2025-12-31T23:59:59Z").status == 404)
            #expect(try side.get("/orders/o-1?at=yesterday").status == 400)
        }
    }
}
