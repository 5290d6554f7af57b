import Randomness
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
            ("1.234", dinar, 1_234, "1.234"),
            // Trailing zeros are no digits, and an exponent only moves the point.
            ("705.00", yen, 705, "705"), ("49.990", .usd, 4_999, "49.99"), ("7.05e2", yen, 705, "705"),
            ("70500E-2", yen, 705, "705"), ("4999000e-5", .usd, 4_999, "49.99"), ("0.000", yen, 0, "0"),
            ("0e99999999999999999999", yen, 0, "0"), ("-0.00", .usd, 0, "0.00"),
            ("5\(String(repeating: "0", count: 5_000))e-5000", .usd, 500, "5.00"),
            ("1.\(String(repeating: "0", count: 5_000))", yen, 1, "1"),
            ("999999999999.99", .usd, 99_999_999_999_999, "999999999999.99"),
        ]
        for (text, currency, minorUnits, written) in table {
            let money = try Money(decimal: text, currency: currency)
            #expect(money.minorUnits == minorUnits, "\(text)")
            #expect(money.decimalText == written, "\(text)")
        }
    }

    @Test func whatIsNoMoney() throws {
        let yen = try #require(Currency(code: "JPY"))
        let table: [(String, Currency, Money.ParseError)] = [
            ("", .usd, .notDecimal), (".", .usd, .notDecimal), ("1.", .usd, .notDecimal), (".5", .usd, .notDecimal),
            ("abc", .usd, .notDecimal), ("1,5", .usd, .notDecimal), ("1 ", .usd, .notDecimal),
            ("+1", .usd, .notDecimal), ("NaN", .usd, .notDecimal), ("1..2", .usd, .notDecimal),
            ("01", .usd, .notDecimal), ("1e", .usd, .notDecimal), ("1e+", .usd, .notDecimal),
            ("--1", .usd, .notDecimal),
            ("1.999", .usd, .tooManyDigits(allowed: 2, currency: "USD")),
            ("1.5", yen, .tooManyDigits(allowed: 0, currency: "JPY")),
            ("1e-3", .usd, .tooManyDigits(allowed: 2, currency: "USD")),
            ("1e-99999999999999999999", .usd, .tooManyDigits(allowed: 2, currency: "USD")),
            ("-0.01", .usd, .negative), ("-10", .usd, .negative), ("-92233720368547758.09", .usd, .negative),
            ("1000000000000", .usd, .tooMuch),
            ("92233720368547758.07", .usd, .tooMuch),
            ("92233720368547758.08", .usd, .tooMuch),
            ("1e99999999999999999999", yen, .tooMuch),
        ]
        for (text, currency, error) in table {
            #expect(throws: error, "\(text)") { try Money(decimal: text, currency: currency) }
        }
    }

    /// However an amount is written, it is the same amount; and what lies outside of the bounds is refused.
    @Test func everyNotationOfAnAmountIsThatAmount() throws {
        var generator = SeededGenerator.fromEnvironment()
        let currencies = try ["USD", "JPY", "KWD", "CLF"].map { try #require(Currency(code: $0)) }
        for _ in 0..<TestTier.rounds(5_000) {
            let currency = currencies[Int.random(in: 0..<currencies.count, using: &generator)]
            // Of every length.
            let unit = (0..<Int.random(in: 0...18, using: &generator)).reduce(Int64(1)) { unit, _ in unit * 10 }
            let sign: Int64 = Bool.random(using: &generator) ? 1 : -1
            let money = Money(minorUnits: sign * Int64.random(in: 1...unit, using: &generator), currency: currency)
            for text in notations(of: money, using: &generator) {
                let read = try? Money(decimal: text, currency: currency)
                let isTaken = (0..<Money.limit * currency.minorUnits).contains(money.minorUnits)
                #expect(read == (isTaken ? money : nil), "\(text) \(currency), seed \(generator.seed)")
                #expect(try Money(stored: text.utf8, currency: currency) == money)
            }
        }
    }

    private func notations(of money: Money, using generator: inout SeededGenerator) -> [String] {
        let plain = money.decimalText
        let zeros = String(repeating: "0", count: Int.random(in: 1...30, using: &generator))
        let shift = Int.random(in: 0...30, using: &generator)
        return [
            plain, money.currency.digits == 0 ? "\(plain).\(zeros)" : plain + zeros,
            "\(money.minorUnits)e-\(money.currency.digits)",
            "\(money.minorUnits)\(zeros)E-\(money.currency.digits + zeros.count)",
            "\(money.minorUnits).\(zeros)e-0\(money.currency.digits)",
            "\(plain)e0",
            "\(money.minorUnits)\(String(repeating: "0", count: shift))e-\(money.currency.digits + shift)",
        ]
    }

    @Test func sumsHaveRoomForAnyNumberOfAmounts() {
        var sum = MoneySum(currency: .usd)
        for _ in 0..<1_000 { sum += Money(minorUnits: .max, currency: .usd) }
        var bytes: [UInt8] = []
        sum.append(to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "92233720368547758070.00")
    }

    /// By list one of 2026-01-01.
    @Test func currenciesAreThoseInUse() {
        for (code, digits) in [
            ("XCG", 2), ("ZWG", 2), ("VED", 2), ("SLE", 2), ("XAD", 2), ("EUR", 2), ("UYW", 4), ("JPY", 0), ("IQD", 3),
        ] {
            let currency = Currency(code: code)
            #expect(currency?.digits == digits && currency?.isCurrent == true, "\(code)")
        }
        // Orders of old are still read.
        for code in ["ANG", "BGN", "ZWL"] {
            let currency = Currency(code: code)
            #expect(currency?.digits == 2 && currency?.isCurrent == false, "\(code)")
        }
        for code in ["HRK", "SLL", "CUC", "DEM", "XAU", "XXX", "XTS", "usd", "US", "USDX", "", "U\0D"] {
            #expect(Currency(code: code) == nil, "\(code)")
        }
    }
}
