import Testing

@testable import Orders

/// Decimals at the edge, minor units inside, exact in both directions.
@Suite struct MoneyTests {
    @Test func decimalsThatAreMoney() throws {
        let yen = try #require(Currency(code: "JPY"))
        let dinar = try #require(Currency(code: "KWD"))
        let table: [(String, Currency, Int64, String)] = [
            ("0", .usd, 0, "0.00"), ("49.99", .usd, 4_999, "49.99"), ("49.9", .usd, 4_990, "49.90"),
            ("1", .usd, 100, "1.00"), ("0.01", .usd, 1, "0.01"), ("100", yen, 100, "100"),
            ("1.234", dinar, 1_234, "1.234"), ("92233720368547758.07", .usd, .max, "92233720368547758.07"),
            // What a Double can't hold.
            ("90071992547409.93", .usd, 9_007_199_254_740_993, "90071992547409.93"),
        ]
        for (text, currency, minorUnits, written) in table {
            let money = try Money(decimal: text, currency: currency)
            #expect(money.minorUnits == minorUnits, "\(text)")
            #expect(money.decimalText == written, "\(text)")
        }
    }

    @Test func whatIsNoMoney() throws {
        let yen = try #require(Currency(code: "JPY"))
        let table: [(String, Currency)] = [
            ("", .usd), (".", .usd), ("1.", .usd), (".5", .usd), ("1.999", .usd), ("1.5", yen), ("abc", .usd),
            ("1,5", .usd), ("1 ", .usd), ("+1", .usd), ("92233720368547758.08", .usd), ("NaN", .usd), ("1..2", .usd),
            ("99999999999999999999", .usd),
        ]
        for (text, currency) in table {
            #expect(throws: Money.ParseError.self, "\(text)") { try Money(decimal: text, currency: currency) }
        }
    }
}
