/// An amount in the minor units of its currency. Exact: never a `Double`, decimals exist only as text at the edge.
public struct Money: Hashable, Sendable {
    public let minorUnits: Int64
    public let currency: Currency

    public init(minorUnits: Int64, currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }

    /// An amount is below this, in units of its currency: room for an order of a million dollars in rials, and with two
    /// decimal digits still exact for readers of JSON that know numbers as binary64 only (RFC 8259 §6). In minor units
    /// it fits an `Int64` hundreds of times over; sums of any number of amounts are `MoneySum`'s.
    public static let limit: Int64 = 1_000_000_000_000

    /// Why a decimal text is no amount of the currency.
    public enum ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        case notDecimal
        case tooManyDigits(allowed: Int, currency: String)
        case negative
        case tooMuch

        public var description: String {
            switch self {
            case .notDecimal: "is not a decimal number"
            case .tooManyDigits(let allowed, let currency):
                allowed == 0
                    ? "must be a whole number, \(currency) has no minor unit"
                    : "must have at most \(allowed) decimal digits in \(currency)"
            case .negative: "must not be negative"
            case .tooMuch: "must be less than \(Money.limit)"
            }
        }
    }

    /// Reads `-?digits[.digits][(e|E)[+-]digits]`, the JSON number grammar, exactly: what counts is the value, so that
    /// `705.00` are 705 yen, and so are `7.05e2`. From 0 up to, not including, `limit`.
    public init(decimal text: some Collection<UInt8>, currency: Currency) throws(ParseError) {
        try self.init(stored: text, currency: currency)
        guard minorUnits >= 0 else { throw .negative }
        guard minorUnits < Self.limit * currency.minorUnits else { throw .tooMuch }
    }

    public init(decimal text: String, currency: Currency) throws(ParseError) {
        try self.init(decimal: text.utf8, currency: currency)
    }

    /// As `init(decimal:)`, whatever the amount: for documents of our own, which may be older than the bounds.
    public init(stored text: some Collection<UInt8>, currency: Currency) throws(ParseError) {
        let decimal = DecimalText(text)
        guard decimal.isValid else { throw .notDecimal }
        guard decimal.isZero || decimal.digits <= currency.digits else {
            throw .tooManyDigits(allowed: currency.digits, currency: currency.code)
        }
        guard let minorUnits = decimal.scaled(by: currency.digits) else {
            throw decimal.isNegative ? .negative : .tooMuch
        }
        self.init(minorUnits: minorUnits, currency: currency)
    }

    /// Appends the amount as a JSON number with all digits of the currency: `49.90`.
    public func append(to bytes: inout [UInt8]) {
        Self.append(minorUnits.magnitude, isNegative: minorUnits < 0, currency.digits, to: &bytes)
    }

    static func append<Magnitude: UnsignedInteger>(
        _ magnitude: Magnitude, isNegative: Bool, _ digits: Int, to bytes: inout [UInt8]
    ) {
        var rest = magnitude
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var written = 0
        repeat {
            if written == digits, written > 0 { bytes.append(UInt8(ascii: ".")) }
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
            written += 1
        } while rest > 0 || written <= digits
        bytes[start...].reverse()
    }

    /// The amount as decimal text: `49.90`.
    public var decimalText: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
