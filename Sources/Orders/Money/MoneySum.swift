import JSON

/// A sum of amounts, in the minor units of their currency. Each of them may be as large as an `Int64`, and more of them
/// than there will ever be fit into 128 bits: adding is exact, and never overflows.
public struct MoneySum: Hashable, Sendable {
    public private(set) var minorUnits: Int128
    public let currency: Currency

    public init(minorUnits: Int128 = 0, currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }

    /// The amounts must be of the sum's currency.
    public static func += (sum: inout MoneySum, amount: Money) { sum.minorUnits += Int128(amount.minorUnits) }

    /// Appends the sum as a JSON number with all digits of the currency.
    public func append(to bytes: inout [UInt8]) {
        Money.append(minorUnits.magnitude, isNegative: minorUnits < 0, currency.digits, to: &bytes)
    }
}

extension JSONWriter {
    /// A sum as an exact JSON number, and its currency beside it.
    public mutating func money(_ name: StaticString, _ sum: MoneySum) {
        key(name)
        raw { sum.append(to: &$0) }
        field("currency", sum.currency.code)
    }
}
