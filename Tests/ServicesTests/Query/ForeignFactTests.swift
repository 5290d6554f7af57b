import JSON
import Messaging
import OrderFacts
import Orders
import PaymentFacts
import Postgres
import TestServers
import Testing

@testable import OrderflowKit
@testable import Projection

/// A fact of another team's module: in the catalogue of the installation, and unknown to the views.
private struct PointsEarned: OrderFact, Codable {
    static let type = "PointsEarned"
    let orderID: String
    let points: Int
    @WireTime var at: Int64
}

@Suite(.blocking) struct ForeignFactTests {
    private func catalogue() throws -> FactCatalogue {
        try FactCatalogue(joining: [.standard, [PointsEarned.self]])
    }

    private func earned(
        _ payload: String, id: String = "p-1", at: Int64 = 2_000_000, version: Int = 1
    ) -> InboundMessage {
        InboundMessage(
            id: id, type: PointsEarned.type, schemaVersion: version, payload: Array(payload.utf8), key: "o-1",
            tenant: "default", correlationID: "c", traceparent: nil, time: at, streamVersion: nil,
            source: InboundMessage.Source(topic: "order-events", partition: 0, offset: 0))
    }

    private static let payload = #"{"orderId":"o-1","points":49,"at":"1970-01-01T00:00:02Z","tier":{"name":"gold"}}"#

    private func entry(in document: [UInt8]) throws -> JSONValue? {
        try JSONValue(parsing: document)["timeline"]?.array?.first { $0["type"] == "PointsEarned" }
    }

    @Test(.servers) func itStandsInTheTimelineAsItCame() throws {
        let database = try freshDatabase(ServiceDatabase.views.migrations)
        let connection = try Connection(database, logger: quiet)
        defer { connection.close() }
        let facts = try catalogue()
        let projection = OrderViewProjection(facts)
        #expect(projection.types.contains(PointsEarned.type) && !projection.types.contains("ReserveStock"))
        let points = earned(Self.payload)
        try projection.apply([created(), points], on: connection)
        try projection.apply([confirmed(at: 3_000_000), points], on: connection)

        let key = OrderKey(tenant: "default", orderID: "o-1")
        let view = try #require(try OrderViewRows.load([key], on: connection)[key]).view
        #expect(view.timeline.map(\.type) == ["OrderCreated", "PointsEarned", "OrderConfirmed"])
        #expect(view.revision == 3)
        let expected = try JSONValue(parsing: Self.payload)
        for document in [view.document(), try #require(view.asOf(2_500_000)).document()] {
            let entry = try #require(try entry(in: document))
            #expect(entry["payload"] == expected)
            #expect(entry["schemaVersion"] == nil && entry["at"] == "1970-01-01T00:00:02.000000Z")
        }
        #expect(try #require(view.asOf(1_500_000)).timeline.count == 1)

        // A rebuild folds the topic once more, to the same document.
        var fold = OrderViewFold(facts)
        for message in [created(), points, confirmed(at: 3_000_000), points] { try fold.add(message) }
        #expect(fold.views(over: [:]).map { $0.view.document() } == [view.document()])
    }

    /// The module is gone, or not there yet: the document keeps what it has.
    @Test func aProgramWithoutTheModuleKeepsIt() throws {
        var fold = OrderViewFold(try catalogue())
        try fold.add(created())
        try fold.add(earned(Self.payload, version: 4))
        let key = OrderKey(tenant: "default", orderID: "o-1")
        let with = try #require(fold.views(over: [:]).map(\.view).first)
        let read = try with.document().withUnsafeBytes { try OrderView(document: $0) }
        #expect(read == with)
        var without = OrderViewFold(.standard)
        try without.add(earned(Self.payload, id: "p-2"))
        try without.add(confirmed(at: 3_000_000))
        let view = try #require(without.views(over: [key: read]).map(\.view).first)
        #expect(view.timeline.map(\.type) == ["OrderCreated", "PointsEarned", "OrderConfirmed"])
        let entry = try #require(try entry(in: view.document()))
        #expect(entry["schemaVersion"] == 4)
        #expect(try entry["payload"] == JSONValue(parsing: Self.payload))
    }

    @Test func aLargePayloadLeavesItsEntry() throws {
        let long = String(repeating: "x", count: OrderView.keptPayload)
        var fold = OrderViewFold(try catalogue())
        try fold.add(created())
        try fold.add(earned(#"{"orderId":"o-1","points":1,"at":"1970-01-01T00:00:02Z","note":"\#(long)"}"#))
        let view = try #require(fold.views(over: [:]).map(\.view).first)
        let entry = try #require(try entry(in: view.document()))
        #expect(entry["payload"] == nil && entry["id"] == "p-1")
    }

    /// An entry that an earlier version noted with its payload is folded by one that knows the type.
    @Test func whatWasKeptIsFoldedOnceItsTypeIsKnown() throws {
        let document =
            #"{"orderId":"o-1","userId":"alice","items":[{"sku":"A","qty":1}],"total":10,"currency":"USD","#
            + #""createdAt":"1970-01-01T00:00:01Z","status":"pending","version":1,"revision":2,"#
            + #""updatedAt":"1970-01-01T00:00:02Z","notifications":[],"timeline":["#
            + #"{"type":"OrderCreated","at":"1970-01-01T00:00:01Z","id":"c","version":1},"#
            + #"{"type":"PaymentProcessed","at":"1970-01-01T00:00:02Z","id":"p","payload":"#
            + #"{"orderId":"o-1","amount":7.5,"currency":"EUR","reference":"kept"}}]}"#
        let view = try Array(document.utf8).withUnsafeBytes { try OrderView(document: $0) }
        let past = try #require(view.asOf(2_000_000))
        #expect(past.payment?.reference == "kept")
        #expect(past.payment?.amount == Money(minorUnits: 750, currency: try #require(Currency(code: "EUR"))))
        #expect(past.timeline == view.timeline)
    }

    /// Every group's door knows it, and so does one that doesn't react to it by name.
    @Test func itIsJudgedAtTheDoor() throws {
        let door = try catalogue().door
        func refusal(_ payload: String) -> String? {
            do throws(MessageRejected) {
                let content = try door(earned(payload))
                return content == nil ? "passed over" : nil
            } catch {
                return error.reason
            }
        }
        #expect(refusal(Self.payload) == nil)
        #expect(refusal(#"{"orderId":"o-2","points":1,"at":"1970-01-01T00:00:02Z"}"#)?.contains("/orderId") == true)
        #expect(refusal(#"{"orderId":"o-1","at":"1970-01-01T00:00:02Z"}"#)?.contains("/points") == true)
        #expect(refusal(#"{"orderId":"o-1","points":1,"at":"1970-01-01T00:00:02Z","reason":5}"#) != nil)
        #expect(try FactCatalogue.standard.door(earned(Self.payload)) == nil)
    }
}
