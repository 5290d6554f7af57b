/// An amount in the minor units of its currency. Exact: never a `Double`, decimals exist only as text at the edge.
public struct Money: Hashable, Sendable {
    public let minorUnits: Int64
    public let currency: Currency

    public init(minorUnits: Int64, currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }

    /// Why a decimal text is no amount of the currency.
    public enum ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        case notDecimal
        case tooManyDigits(allowed: Int, currency: String)
        case outOfRange

        public var description: String {
            switch self {
            case .notDecimal: "is not a decimal number"
            case .tooManyDigits(let allowed, let currency):
                allowed == 0
                    ? "must be a whole number, \(currency) has no minor unit"
                    : "must have at most \(allowed) decimal digits in \(currency)"
            case .outOfRange: "is out of range"
            }
        }
    }

    /// Reads `-?digits[.digits][(e|E)[+-]digits]`, the JSON number grammar, exactly. Trailing zeros count as digits
    /// where they are written out ("1.000" is refused in USD); an exponent shifts the point first.
    public init(decimal text: some Collection<UInt8>, currency: Currency) throws(ParseError) {
        var parser = DecimalParser(text)
        self.init(minorUnits: try parser.minorUnits(currency), currency: currency)
    }

    public init(decimal text: String, currency: Currency) throws(ParseError) {
        try self.init(decimal: text.utf8, currency: currency)
    }

    /// Appends the amount as a JSON number with all digits of the currency: `49.90`.
    public func append(to bytes: inout [UInt8]) {
        var magnitude = minorUnits.magnitude
        if minorUnits < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var written = 0
        repeat {
            if written == currency.digits, written > 0 { bytes.append(UInt8(ascii: ".")) }
            bytes.append(UInt8(ascii: "0") + UInt8(magnitude % 10))
            magnitude /= 10
            written += 1
        } while magnitude > 0 || written <= currency.digits
        bytes[start...].reverse()
    }

    /// The amount as decimal text: `49.90`.
    public var decimalText: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Exact decimal text to minor units.
private struct DecimalParser {
    private var digits: [UInt8] = []
    private var negative = false
    /// Digits after the point, before the exponent is applied.
    private var scale = 0
    private var exponent = 0
    private var valid: Bool

    /// Longest text that can be an `Int64` amount written out, with room to spare.
    private static let lengthLimit = 64

    init(_ text: some Collection<UInt8>) {
        digits.reserveCapacity(24)
        valid = text.count <= Self.lengthLimit
        guard valid else { return }
        var rest = text[...]
        if rest.first == UInt8(ascii: "-") {
            negative = true
            rest.removeFirst()
        }
        let whole = takeDigits(&rest)
        valid = whole > 0 && (whole == 1 || digits[0] != 0)
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            scale = takeDigits(&rest)
            valid = valid && scale > 0
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            var sign = 1
            if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
                if first == UInt8(ascii: "-") { sign = -1 }
                rest.removeFirst()
            }
            var count = 0
            while let byte = rest.first, byte >= 0x30, byte <= 0x39 {
                exponent = min(exponent * 10 + Int(byte - 0x30), 1_000)
                rest.removeFirst()
                count += 1
            }
            valid = valid && count > 0
            exponent *= sign
        }
        valid = valid && rest.isEmpty
    }

    private mutating func takeDigits<Text: Collection<UInt8>>(_ rest: inout Text) -> Int
    where Text.SubSequence == Text {
        var count = 0
        while let byte = rest.first, byte >= 0x30, byte <= 0x39 {
            digits.append(byte - 0x30)
            rest.removeFirst()
            count += 1
        }
        return count
    }

    mutating func minorUnits(_ currency: Currency) throws(Money.ParseError) -> Int64 {
        guard valid else { throw .notDecimal }
        let decimals = scale - exponent
        guard decimals <= currency.digits else {
            throw .tooManyDigits(allowed: currency.digits, currency: currency.code)
        }
        var value: Int64 = 0
        for digit in digits { value = try Self.shift(value, adding: digit) }
        if value != 0 {
            for _ in 0..<(currency.digits - decimals) { value = try Self.shift(value, adding: 0) }
        }
        return negative ? -value : value
    }

    private static func shift(_ value: Int64, adding digit: UInt8) throws(Money.ParseError) -> Int64 {
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = product.addingReportingOverflow(Int64(digit))
        guard !overflow, !carry else { throw .outOfRange }
        return sum
    }
}
