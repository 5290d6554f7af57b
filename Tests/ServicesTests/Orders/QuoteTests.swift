import InventoryFacts
import JSON
import Orders
import Postgres
import Randomness
import TestServers
import Testing

@testable import Inventory
@testable import Messaging
@testable import OrderAPI
@testable import OrderflowKit

/// `POST /quotes` from its body to inventory's word.
@Suite struct QuoteTests {
    private func wish(_ body: String) throws -> QuoteWish {
        try Array(body.utf8).withUnsafeBytes { try QuoteWish(json: $0) }
    }

    @Test(arguments: [
        (#"{"items":[{"sku":"A","qty":3,"price":19.99}]}"#, "59.97"),
        (#"{"currency":"JPY","items":[{"sku":"A","qty":3,"price":705},{"sku":"B","qty":1,"price":"1e2"}]}"#, "2215"),
        (#"{"items":[{"sku":"A","qty":3,"price":0.1}],"currency":"KWD"}"#, "0.300"),
        (#"{"items":[{"sku":"A","qty":10000,"price":99999999.99}]}"#, "999999999900.00"),
    ]) func totalsAreExact(_ body: String, _ total: String) throws {
        var bytes: [UInt8] = []
        try #require(try wish(body).total).append(to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == total)
    }

    @Test(arguments: [
        #"{"items":[{"sku":"A","qty":3}]}"#, #"{"items":[{"sku":"A","qty":3,"price":null}]}"#,
        #"{"items":[{"sku":"A","qty":1,"price":1},{"sku":"B","qty":1}]}"#,
    ]) func thereIsNoTotalWithoutAllPrices(_ body: String) throws { #expect(try wish(body).total == nil) }

    @Test(arguments: [
        (#"{}"#, "/items"), (#"{"items":[]}"#, "/items"), (#"{"items":[{"sku":"A"}]}"#, "/items/0/qty"),
        (#"{"items":[{"sku":"A","qty":0}]}"#, "/items/0/qty"),
        (#"{"items":[{"sku":"A","qty":10001}]}"#, "/items/0/qty"),
        (#"{"items":[{"sku":"","qty":1}]}"#, "/items/0/sku"),
        (#"{"items":[{"sku":"A\u0000","qty":1}]}"#, "/items/0/sku"),
        (#"{"items":[{"sku":"A","qty":1,"price":-1}]}"#, "/items/0/price"),
        (#"{"items":[{"sku":"A","qty":1},{"sku":"A","qty":1,"price":"x"}]}"#, "/items/1/price"),
        (#"{"items":[{"sku":"A","qty":1,"price":1.005}]}"#, "/items/0/price"),
        (#"{"items":[{"sku":"A","qty":1,"price":true}]}"#, "/items/0/price"),
        (#"{"items":[{"sku":"A","qty":10000,"price":999999999999}]}"#, "/items"),
        (#"{"items":[{"sku":"A","qty":1}],"currency":"XXX"}"#, "/currency"),
        (#"{"items":[\#((0...500).map { _ in #"{"sku":"A","qty":1}"# }.joined(separator: ","))]}"#, "/items"),
    ]) func whatIsNoQuoteIsRefusedWithItsPlace(_ body: String, _ pointer: String) throws {
        do {
            _ = try wish(body)
            Issue.record("\(body) is taken")
        } catch let error as OrderRequest.Refusal {
            guard case .invalid(let violations) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(violations.map(\.pointer) == [pointer])
        }
    }

    /// A quote says that all is there exactly where an order for the same would be given it.
    @Test func aQuoteIsWhatAReservationWouldGet() throws {
        var random = SeededGenerator.fromEnvironment()
        var outcomes: [Bool: Int] = [:]
        for _ in 0..<TestTier.rounds(3_000) {
            let levels = StockLevels(
                Dictionary(
                    uniqueKeysWithValues: ["A", "B", "C"].filter { _ in Bool.random(using: &random) }.map {
                        let onHand = Int64.random(in: 0...6, using: &random)
                        return ($0, .init(onHand: onHand, reserved: .random(in: 0...onHand, using: &random)))
                    }), unknownSKU: Bool.random(using: &random) ? .unlimited : .reject)
            let items = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                OrderLine(
                    sku: ["A", "B", "C", "D"].randomElement(using: &random) ?? "A",
                    quantity: .random(in: 1...4, using: &random))
            }
            let quote = levels.quote(items)
            var reserved = levels
            let isReserved = (try? reserved.reserve(items)) != nil
            #expect(quote.items.allSatisfy(\.isAvailable) == isReserved, "\(levels) \(items)")
            outcomes[isReserved, default: 0] += 1
            // What goes over the wire comes back.
            let payload = EncodedPayload(try quote.payload())
            #expect(try Quote(payload) == quote)
            #expect(try QuoteRequest(EncodedPayload(QuoteRequest(items: items).payload())).items == items)
        }
        #expect(outcomes[true, default: 0] > 10 && outcomes[false, default: 0] > 10)
    }

    @Test(arguments: [
        "[]", "{}", #"{"items":[]}"#, #"{"items":[{"sku":"A","qty":-1}]}"#, #"{"items":[{"sku":"\u0000","qty":1}]}"#,
        #"{"items":{"sku":"A","qty":1}}"#, #"{"items":[{"qty":1}]}"#,
    ]) func aRequestThatCannotBeReadIsRefused(_ payload: String) {
        #expect(throws: PayloadError.self) { try QuoteRequest(EncodedPayload(Array(payload.utf8))) }
    }

    @Test func whatClientsHear() {
        func status(_ error: RequestError) -> Int { Int(QuoteRoutes.problem(error).status.rawValue) }
        #expect(status(.late(after: .seconds(2))) == 504 && status(.overloaded(inFlight: 1)) == 503)
        #expect(status(.unavailable("x")) == 503 && status(.refused("x", isPassing: true)) == 503)
        #expect(status(.refused("x", isPassing: false)) == 502 && status(.unreadable("x")) == 502)
        #expect(QuoteRoutes.problem(.late(after: .seconds(2))).detail?.contains("within 2s") == true)
    }

    /// One statement for all tenants of a batch, and none sees another's.
    @Test(.servers) func eachTenantIsToldOfItsOwnStock() throws {
        let connection = try Connection(freshDatabase(ServiceDatabase.inventory.migrations), logger: quiet)
        _ = try StockStore.set(tenant: "acme", sku: "A", quantity: 5, by: .test, on: connection)
        _ = try StockStore.set(tenant: "globex", sku: "A", quantity: 1, by: .test, on: connection)
        let request = QuoteRequest(items: [OrderLine(sku: "A", quantity: 2), OrderLine(sku: "B", quantity: 1)])
        let answers = try QuoteAnswers.answers(
            to: ["acme", "globex", "nobody"].map { .init(request: request, tenant: $0) }, unknownSKU: .reject,
            on: connection)
        let lines = try answers.map {
            try $0.get().items.map { "\($0.isAvailable) \($0.stock.map { "\($0)" } ?? "-")" }
        }
        #expect(lines == [["true 5", "false -"], ["false 1", "false -"], ["false -", "false -"]])
    }
}
