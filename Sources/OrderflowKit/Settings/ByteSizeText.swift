/// Sizes as people write them: `64KiB`, `1MiB`, `500kB`; a bare number is bytes.
package enum ByteSizeText {
    private static let units: [(suffix: String, bytes: Int)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000),
        ("B", 1),
    ]

    package static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count)
        guard let number = Int(digits) else { return nil }
        if suffix.isEmpty { return number }
        guard let unit = units.first(where: { $0.suffix == suffix }) else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.bytes)
        return overflow ? nil : bytes
    }

    /// In the largest binary unit that needs no fraction.
    package static func write(_ bytes: Int) -> String {
        guard bytes > 0, let unit = units.first(where: { $0.suffix.hasSuffix("iB") && bytes % $0.bytes == 0 }) else {
            return "\(bytes)B"
        }
        return "\(bytes / unit.bytes)\(unit.suffix)"
    }
}
