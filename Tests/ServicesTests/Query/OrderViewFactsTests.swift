import Foundation
import JSON
import Messaging
import OrderFacts
import Orders
import Testing

@testable import OrderflowKit
@testable import Projection

/// Which facts a view is made of, and what of them it doesn't know.
@Suite struct OrderViewFactsTests {
    private static let money = Money(minorUnits: 4999, currency: .usd)

    private func view(_ json: String) throws -> OrderView {
        try Array(json.utf8).withUnsafeBytes { try OrderView(document: $0) }
    }

    private func again(_ view: OrderView) throws -> OrderView {
        try view.document().withUnsafeBytes { try OrderView(document: $0) }
    }

    /// Whether the fact was new to the view.
    private func apply(
        _ kind: FactDraft, to view: inout OrderView, id: String, origin: String?
    ) -> Bool {
        view.apply(folded(kind, id: id, origin: origin))
    }

    private func folded(
        _ kind: FactDraft, at: Int64 = 2_000_000, id: String, origin: String? = nil, version: Int? = nil
    ) -> FoldedFact {
        FoldedFact(
            payload: kind.of("o-1", at: at), id: id, origin: origin, streamVersion: version, json: [],
            schemaVersion: 1)
    }

    @Test func factsOfTwoSourcesAreTwo() throws {
        var view = OrderView(orderID: "o-1")
        let kinds: [(FactDraft, String?)] = [
            (.shipmentCreated(shipmentID: "s"), "/berlin"), (.stockReserved(items: []), "/paris"),
            (.paymentVoided, nil),
        ]
        let new = kinds.map { apply($0, to: &view, id: "1", origin: $1) }
        view = try again(view)
        let repeated = kinds.map { apply($0, to: &view, id: "1", origin: $1) }
        #expect(new == [true, true, true])
        #expect(repeated == [false, false, false])
        #expect(Set(view.timeline.map(\.identity)) == ["/berlin 1", "/paris 1", "1"])
    }

    /// An earlier version has noted facts without their source: a copy that comes later changes nothing.
    @Test func factsNotedWithoutTheirSourceAreKnown() throws {
        var old = try view(
            #"{"orderId":"o-1","status":"pending","version":0,"revision":1,"updatedAt":"1970-01-01T00:00:02Z","#
                + #""timeline":[{"type":"PaymentVoided","at":"1970-01-01T00:00:02Z","id":"1"}]}"#)
        let id = "0199aa00-0000-7000-8000-00000000000a"
        let shipped = FactDraft.shipmentCreated(shipmentID: "s")
        var new = [apply(.paymentVoided, to: &old, id: "1", origin: "/berlin")]
        new.append(apply(.stockReserved(items: []), to: &old, id: "1", origin: "/berlin"))
        new.append(apply(shipped, to: &old, id: id, origin: "/orderflow/shipping"))
        old = try again(old)
        new.append(apply(shipped, to: &old, id: id, origin: "/orderflow/shipping"))
        #expect(new == [false, true, true, false])
        #expect(old.timeline.contains { $0.id == id && $0.origin == nil })
    }

    /// A later version may have folded what this one doesn't know: it travels as it is.
    @Test func unknownFactsTravelThroughTheDocumentAndThePast() throws {
        var view = OrderView(orderID: "o-1")
        let order = OrderCreated(
            orderID: "o-1", userID: "alice", items: [OrderLine(sku: "A", quantity: 1)], total: Self.money,
            createdAt: 1_000_000)
        _ = view.apply(folded(.orderCreated(order), at: 1_000_000, id: "c", version: 1))
        let text = String(decoding: view.document(), as: UTF8.self)
        let strange =
            #"{"type":"GiftWrapped","at":"1970-01-01T00:00:02.000000Z","id":"g","paper":{"colour":"red"},"reason":"x"}"#
        let end = try #require(text.range(of: "}]}", options: .backwards))
        let newer = text.replacingCharacters(in: end, with: "}," + strange + "]}")
        view = try self.view(newer)
        _ = view.apply(folded(.paymentVoided, at: 3_000_000, id: "p"))
        let past = try #require(view.asOf(2_500_000))
        for document in [view.document(), past.document()] {
            let entries = try #require(try JSONValue(parsing: document)["timeline"]?.array)
            let entry = try #require(entries.first { $0["type"] == "GiftWrapped" })
            #expect(try entry == JSONValue(parsing: strange))
        }
        #expect(past.timeline.map(\.type) == ["OrderCreated", "GiftWrapped"])
    }

    @Test(arguments: [
        #"{"orderId":"o","userId":"u","items":[],"total":1,"currency":"XXX","createdAt":"2026-01-01T00:00:00Z"}"#,
        #"{"orderId":"o","payment":{"status":"charged","amount":1,"currency":"XXX","at":"2026-01-01T00:00:00Z"}}"#,
        #"{"orderId":"o","payment":{"status":"lent","at":"2026-01-01T00:00:00Z"}}"#,
        #"{"orderId":"o","shipment":{"status":"lost","at":"2026-01-01T00:00:00Z"}}"#,
        #"{"orderId":"o","stock":{"status":"aged","at":"2026-01-01T00:00:00Z"}}"#,
        #"{"orderId":"o","status":"paused"}"#,
    ])
    func whatIsUnknownIsAnErrorAndNoGuess(_ document: String) {
        #expect(throws: (any Error).self) { try view(document) }
    }
}
