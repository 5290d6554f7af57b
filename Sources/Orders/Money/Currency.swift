/// An ISO 4217 currency: its code and how many decimal digits its minor unit has.
public struct Currency: Hashable, Sendable, CustomStringConvertible {
    public let code: String
    /// Decimal digits of the minor unit: 2 for USD, 0 for JPY, 3 for KWD.
    public let digits: Int

    public static let usd = Currency(code: "USD", digits: 2)

    private init(code: String, digits: Int) {
        self.code = code
        self.digits = digits
    }

    /// Nil for a code that has no minor unit (gold, test codes) or isn't listed: neither today nor, withdrawn since, at
    /// a time when orders could be placed in it. Those are still read, and `isCurrent` tells.
    public init?(code: String) {
        if code == "USD" {
            self = .usd
            return
        }
        guard let digits = Self.current[code] ?? Self.withdrawn[code] else { return nil }
        self.init(code: code, digits: digits)
    }

    /// Minor units of one unit: 100 for USD, at most 10 000.
    public var minorUnits: Int64 { (0..<digits).reduce(1) { units, _ in units * 10 } }

    /// Whether new orders may be placed in it.
    public var isCurrent: Bool { Self.current[code] != nil }

    public var description: String { code }

    /// List one, currencies and funds, of 2026-01-01: with all amendments up to the one that withdraws BGN
    /// (six-group.com, "ISO 4217 Maintenance Agency").
    private static let current = table([
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
        (
            2,
            """
            AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW \
            CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
            IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK \
            MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP \
            SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG \
            YER ZAR ZMW ZWG
            """
        ),
    ])

    /// What orders of old may have been placed in: replaced by XCG (2025), the euro (2026) and ZWG (2024).
    private static let withdrawn = table([(2, "ANG BGN ZWL")])

    private static func table(_ lists: [(digits: Int, codes: String)]) -> [String: Int] {
        var table: [String: Int] = [:]
        for (digits, codes) in lists {
            for code in codes.split(separator: " ") { table[String(code)] = digits }
        }
        return table
    }
}
