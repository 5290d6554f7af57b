/// A number as it is written: no digit is lost to a binary fraction. `1.0` and `1` are different texts and so different
/// numbers here.
public struct JSONNumber: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    /// Nil where `text` is no JSON number.
    public init?(_ text: String) {
        var utf8 = text
        let isNumber = utf8.withUTF8 { bytes in
            var reader = JSONReader(UnsafeRawBufferPointer(bytes))
            guard let number = try? reader.readNumberBytes() else { return false }
            return number.count == bytes.count
        }
        guard isNumber else { return nil }
        self.text = text
    }

    public init(_ value: Int64) { text = String(value) }

    init(checked text: String) { self.text = text }

    /// The value, where it is written without fraction and exponent and fits.
    public var int64: Int64? { text == "-0" ? 0 : Int64(text) }

    /// The nearest binary fraction.
    public var double: Double? { Double(text) }

    public var description: String { text }
}
