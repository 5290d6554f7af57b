import InventoryFacts
import OrderFacts
import InventoryFacts
import OrderFacts
import Orders
import PaymentFacts
import PaymentFacts
import Randomness
import Testing

/// What a request may not say of an amount or a quantity, no record may either: facts and commands of strangers come to
/// the same doors.
@Suite struct AmountDoorTests {
    private func refusal(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func refusal(of type: String, _ members: String) -> String? {
        let payload = Array(#"{"orderId":"o-1","userId":"u",\#(members)}"#.utf8)
        return refusal {
            let isKnown = try EveryFact.catalogue().decode(type, EncodedPayload(payload)) != nil
            #expect(isKnown)
        }
    }

    private static let amounts = [
        (OrderCreated.type, "total"), (OrderConfirmed.type, "total"), (OrderCancelled.type, "total"),
        (PaymentProcessed.type, "amount"), (PaymentRefunded.type, "amount"),
        (ProcessPayment.type, "amount"),
    ]

    @Test func amountsOutOfBoundsComeInNowhere() {
        var generator = SeededGenerator.fromEnvironment()
        for _ in 0..<TestTier.rounds(500) {
            let (type, name) = Self.amounts[Int.random(in: 0..<Self.amounts.count, using: &generator)]
            let beyond = Money.limit + Int64.random(in: 0...(.max - Money.limit), using: &generator)
            let below = Int64.random(in: 1...(.max), using: &generator)
            let items = #""items":[{"sku":"A","qty":1}],"#
            for bad in [
                "-10", "-0.01", "92233720368547758.07", "-92233720368547758.08", "\(beyond)", "\(beyond).25",
                "-\(below)",
                "1e12", "1e999999999999", "\"\(beyond)\"", "\"-\(below)\"", "0.001", "1e-3",
            ] {
                let said = refusal(of: type, items + "\"\(name)\":\(bad)")
                #expect(
                    said?.contains("/\(name) ") == true, "\(type) \(bad): \(said ?? "taken"), seed \(generator.seed)")
            }
            let good = Money(
                minorUnits: Int64.random(in: 0..<Money.limit * 100, using: &generator), currency: .usd
            ).decimalText
            #expect(refusal(of: type, items + "\"\(name)\":\(good)") == nil, "\(type) \(good)")
        }
    }

    @Test func quantitiesOutOfBoundsComeInNowhere() {
        let most = OrderRequest.Limit.quantity.upperBound
        for type in [OrderCreated.type, StockReserved.type, StockReleased.type] {
            for bad in ["0", "-1", "\(most + 1)", "2147483647", "9223372036854775807", "9223372036854775808", "1.5"] {
                let said = refusal(of: type, #""total":1,"items":[{"sku":"A","qty":\#(bad)}]"#)
                #expect(said != nil, "\(type) \(bad)")
            }
            #expect(refusal(of: type, #""total":1,"items":[{"sku":"A","qty":\#(most)}]"#) == nil)
        }
    }

    /// An order of old is still read, whatever became of its currency.
    @Test func factsInAWithdrawnCurrencyAreRead() {
        for code in ["ANG", "BGN", "ZWL"] {
            #expect(refusal(of: OrderConfirmed.type, #""total":1.25,"currency":"\#(code)""#) == nil)
        }
        #expect(refusal(of: OrderConfirmed.type, #""total":1.25,"currency":"DEM""#)?.contains("/currency") == true)
    }
}
