/// A decimal number as `significand × 10^-digits`, read from text of any length without keeping it.
struct DecimalText {
    private(set) var isValid = false
    private(set) var isNegative = false
    /// Nil where it doesn't fit.
    private var significand: Int64? = 0
    /// Zeros read since the significand's last digit.
    private var zeros = 0
    /// Decimal digits, without trailing zeros; negative for a multiple of ten.
    private(set) var digits = 0

    var isZero: Bool { significand == 0 }

    /// More than any text has digits, and far from an overflow.
    private static let exponentLimit = 1 << 40

    init(_ text: some Collection<UInt8>) {
        var rest = text[...]
        isNegative = Self.take(UInt8(ascii: "-"), &rest)
        let leading = rest.first
        let whole = takeDigits(&rest)
        guard whole > 0, whole == 1 || leading != UInt8(ascii: "0") else { return }
        if Self.take(UInt8(ascii: "."), &rest) {
            digits = takeDigits(&rest)
            guard digits > 0 else { return }
        }
        if Self.take(UInt8(ascii: "e"), &rest) || Self.take(UInt8(ascii: "E"), &rest) {
            let isDown = Self.take(UInt8(ascii: "-"), &rest)
            if !isDown { _ = Self.take(UInt8(ascii: "+"), &rest) }
            var exponent = 0
            var count = 0
            while let digit = Self.takeDigit(&rest) {
                exponent = min(exponent * 10 + Int(digit), Self.exponentLimit)
                count += 1
            }
            guard count > 0 else { return }
            digits += isDown ? exponent : -exponent
        }
        digits -= zeros
        isValid = rest.isEmpty
    }

    /// The number times 10^`places`; nil where it isn't whole or doesn't fit.
    func scaled(by places: Int) -> Int64? {
        guard var value = significand else { return nil }
        if value == 0 { return 0 }
        guard digits <= places else { return nil }
        for _ in 0..<(places - digits) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            value = product
        }
        return isNegative ? -value : value
    }

    /// Returns how many there were.
    private mutating func takeDigits<Text: Collection<UInt8>>(_ rest: inout Text) -> Int
    where Text.SubSequence == Text {
        var count = 0
        while let digit = Self.takeDigit(&rest) {
            add(digit)
            count += 1
        }
        return count
    }

    private mutating func add(_ digit: UInt8) {
        guard digit != 0 else {
            zeros += 1
            return
        }
        // In front of the first digit, zeros are no digits of the significand.
        for _ in 0...(isZero ? 0 : zeros) {
            guard let (product, overflow) = significand?.multipliedReportingOverflow(by: 10), !overflow else {
                significand = nil
                break
            }
            significand = product
        }
        zeros = 0
        guard let (sum, overflow) = significand?.addingReportingOverflow(Int64(digit)) else { return }
        significand = overflow ? nil : sum
    }

    private static func take<Text: Collection<UInt8>>(_ byte: UInt8, _ rest: inout Text) -> Bool
    where Text.SubSequence == Text {
        guard rest.first == byte else { return false }
        rest.removeFirst()
        return true
    }

    private static func takeDigit<Text: Collection<UInt8>>(_ rest: inout Text) -> UInt8?
    where Text.SubSequence == Text {
        guard let byte = rest.first, byte >= 0x30, byte <= 0x39 else { return nil }
        rest.removeFirst()
        return byte - 0x30
    }
}
