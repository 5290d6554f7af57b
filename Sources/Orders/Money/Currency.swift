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

    /// Nil for a code that ISO 4217 (2024) doesn't list as a currency in use.
    public init?(code: String) {
        if code == "USD" {
            self = .usd
            return
        }
        guard let digits = Self.digitsByCode[code] else { return nil }
        self.init(code: code, digits: digits)
    }

    public var description: String { code }

    private static let digitsByCode: [String: Int] = {
        var table: [String: Int] = [:]
        for (digits, codes) in [
            (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
            (3, "BHD IQD JOD KWD LYD OMR TND"),
            (4, "CLF UYW"),
            (
                2,
                """
                AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF \
                CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
                IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR \
                MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD \
                SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR \
                ZMW ZWL
                """
            ),
        ] {
            for code in codes.split(separator: " ") { table[String(code)] = digits }
        }
        return table
    }()
}
