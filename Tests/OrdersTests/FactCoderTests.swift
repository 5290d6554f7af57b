import InventoryFacts
import JSON
import OrderFacts
import Testing
import UserFacts

@testable import Orders

/// The coders of our own facts and commands, and the catalogue that finds them.
@Suite struct FactCoderTests {
    private func golden() -> [(payload: any MessagePayload, json: String)] {
        EveryFact.ofOrders.map { ($0.payload, $0.json) } + EveryFact.ofUsers.map { ($0.payload, $0.json) }
            + EveryFact.ofBatches.map { ($0.payload, $0.json) }
    }

    @Test func theWireFormatStaysWhatItIs() throws {
        for (payload, json) in golden() {
            #expect(String(decoding: try payload.payload(), as: UTF8.self) == json)
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        let catalogue = try EveryFact.catalogue()
        for (payload, json) in golden() {
            let type = Swift.type(of: payload)
            for origin in [PayloadOrigin.topic, .store] {
                let again = try catalogue.decode(
                    type.type, EncodedPayload(Array(json.utf8), schemaVersion: type.version, from: origin))
                #expect(again.map { AnyHashable($0) } == AnyHashable(payload), "\(json)")
            }
        }
    }

    /// Foreign producers leave out what they don't know, and old ones have left out what there wasn't.
    @Test func theRecordStandsInForWhatIsLeftOut() throws {
        let catalogue = try EveryFact.catalogue()
        let bare: [(type: String, payload: String)] = [
            ("OrderCancellationRequested", "{}"), ("StockReserved", "{}"), ("StockRejected", "{}"),
            ("StockReleased", "{}"), ("PaymentFailed", "{}"), ("PaymentVoided", "{}"), ("PaymentRefundFailed", "{}"),
            ("ShipmentFailed", "{}"), ("ShipmentCancelled", "{}"), ("PaymentProcessed", #"{"amount":1}"#),
            ("PaymentRefunded", #"{"amount":1}"#), ("ShipmentCreated", #"{"shipmentId":"s"}"#),
            ("ShipmentDispatched", #"{"shipmentId":"s"}"#), ("NotificationSent", #"{"kind":"k"}"#),
            ("OrderConfirmed", #"{"userId":"u","total":1}"#), ("OrderCancelled", #"{"userId":"u","total":1}"#),
        ]
        for (type, payload) in bare {
            let bytes = Array(payload.replacing("{", with: #"{"orderId":"o","#).replacing(",}", with: "}").utf8)
            let fact = try catalogue.decode(type, EncodedPayload(bytes, time: 7)) as? any OrderFact
            #expect(fact?.orderID == "o" && fact?.at == 7, "\(type)")
            #expect(fact?.key == "o")
        }
    }

    @Test func theCatalogueKnowsItsTypes() throws {
        let catalogue = try EveryFact.catalogue()
        #expect(catalogue.all.count == 35)
        #expect(catalogue.types.count == 37)
        #expect(catalogue.types.isSuperset(of: ["user.created", "account.created", "OrderCreated"]))
        #expect(try catalogue.decode("Unheard", EncodedPayload([])) == nil)
        let facts = catalogue.orderFacts
        #expect(facts.all.count == 22)
        #expect(facts.types.isDisjoint(with: ["ReserveStock", "UserCreated", "BatchCompleted"]))
        #expect(try FactCatalogue(joining: [catalogue, facts]).types == catalogue.types)
    }

    private struct Impostor: OrderFact, Codable {
        static let type = "OrderCreated"
        let orderID: String
        var at: Int64 { 0 }
    }

    @Test func twoOfOneNameAreAConflict() {
        #expect(throws: FactCatalogue.Conflict.self) {
            try FactCatalogue([OrderCreated.self, Impostor.self] as [any MessagePayload.Type])
        }
    }

    // MARK: Versions

    /// Version 1 has its address as a text, version 2 in parts.
    @Test func oldAndNewVersionsAreReadSideBySide() throws {
        let catalogue: FactCatalogue = [UserCreated.self, AccountCreated.self]
        func decode(_ type: String, _ version: Int, _ payload: String) throws -> AccountCreated? {
            try catalogue.decode(
                type, EncodedPayload(Array(payload.utf8), schemaVersion: version, time: 5, id: "m-1"))
                as? AccountCreated
        }
        #expect(
            try decode("AccountCreated", 1, #"{"userId":"alice","address":"1 Main St, Springfield"}"#)
                == AccountCreated(
                    accountID: "m-1", userID: "alice", address: PostalAddress(street: "1 Main St, Springfield"),
                    createdAt: 5))
        #expect(
            try decode(
                "AccountCreated", 2,
                #"{"accountId":"a-1","userId":"alice","address":{"street":"1 Main St","city":"Springfield"},"createdAt":"1970-01-01T00:00:01Z"}"#
            )
                == AccountCreated(
                    accountID: "a-1", userID: "alice",
                    address: PostalAddress(street: "1 Main St", city: "Springfield"), createdAt: 1_000_000))
        // Of the new kind, by a producer that says no version; and of a version that is yet to come.
        #expect(try decode("account.created", 1, #"{"userId":"alice","address":{"street":"1"}}"#) != nil)
        #expect(try decode("AccountCreated", 3, #"{"userId":"alice","address":{"street":"1","moon":true}}"#) != nil)
    }

    private struct Upgraded: OrderFact, Codable {
        static let type = "Upgraded"
        static let version = 3
        static let upcasters = [
            Upcaster(from: 1) {
                $0["b"] = $0["a"]
                $0["a"] = nil
            },
            Upcaster(from: 2) { $0["c"] = true },
        ]
        let orderID: String
        let b: Int
        let c: Bool
        var at: Int64 { 0 }
    }

    @Test func upcastersGoStepByStep() throws {
        let table: [(version: Int, before: String, after: String)] = [
            (1, #"{"a":1}"#, #"{"b":1,"c":true}"#), (2, #"{"b":1}"#, #"{"b":1,"c":true}"#),
            (3, #"{"b" :1}"#, #"{"b" :1}"#), (9, #"{"z":1}"#, #"{"z":1}"#),
        ]
        for (version, before, after) in table {
            let result = try Upgraded.upcast(EncodedPayload(Array(before.utf8), schemaVersion: version))
            #expect(String(decoding: result.bytes, as: UTF8.self) == after)
        }
        #expect(throws: PayloadError.self) { try Upgraded.upcast(EncodedPayload(Array("{".utf8))) }
        let old = try Upgraded(EncodedPayload(Array(#"{"orderId":"o","a":4}"#.utf8)))
        #expect(old == Upgraded(orderID: "o", b: 4, c: true))
    }
}
