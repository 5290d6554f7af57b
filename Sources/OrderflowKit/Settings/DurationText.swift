/// Durations as people write them: `250ms`, `30s`, `1.5s`, `1m30s`. The unit is never left out.
package enum DurationText {
    private static let units: [(suffix: String, nanoseconds: Int64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000), ("us", 1_000),
    ]

    /// Nil where the text is no duration, is negative, or is longer than 292 years.
    package static func parse(_ text: String) -> Duration? {
        var rest = Substring(text)
        var total: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let suffix = rest.dropFirst(number.count).prefix { $0.isLetter }
            guard let unit = units.first(where: { $0.suffix == suffix }),
                let part = nanoseconds(number, unit.nanoseconds)
            else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !overflow else { return nil }
            total = sum
            rest = rest.dropFirst(number.count + suffix.count)
        }
        return .nanoseconds(total)
    }

    /// Digits with at most one decimal point between them; a fraction finer than a nanosecond is refused.
    private static func nanoseconds(_ number: Substring, _ unit: Int64) -> Int64? {
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }), let whole = Int64(parts[0]) else { return nil }
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return product }
        var fraction: Int64 = 0
        var place = unit
        for digit in parts[1] {
            guard let value = digit.wholeNumberValue, place >= 10 || value == 0 else { return nil }
            place /= 10
            fraction += place * Int64(value)
        }
        let (sum, tooLong) = product.addingReportingOverflow(fraction)
        return tooLong ? nil : sum
    }

    /// In the largest unit that needs no fraction.
    package static func write(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let total = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        guard total != 0 else { return "0s" }
        let unit = units.first { total % $0.nanoseconds == 0 }
        guard let unit else { return "\(total / 1_000)us" }
        return "\(total / unit.nanoseconds)\(unit.suffix)"
    }
}
