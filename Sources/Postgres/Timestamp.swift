#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A `timestamptz`: microseconds since 1970-01-01T00:00:00Z, the server's own resolution.
public struct Timestamp: Hashable, Comparable, Sendable {
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// PostgreSQL's `infinity` and `-infinity`.
    public static let distantFuture = Timestamp(microseconds: .max)
    public static let distantPast = Timestamp(microseconds: .min)

    /// The wall clock of this machine; the server's is `now()`.
    public static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// PostgreSQL counts from 2000-01-01.
    private static let epochDifference: Int64 = 946_684_800_000_000

    init(wire: Int64) {
        let (sum, overflow) = wire.addingReportingOverflow(Self.epochDifference)
        microseconds = wire == .max || wire == .min || overflow ? (wire > 0 ? .max : .min) : sum
    }

    /// Times before what an `Int64` holds become `-infinity`.
    static func wire(_ microseconds: Int64) -> Int64 {
        if microseconds == .max { return .max }
        let (difference, overflow) = microseconds.subtractingReportingOverflow(epochDifference)
        return overflow ? .min : difference
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with microseconds: `2026-01-31T23:59:59.000001Z`.
    public var description: String {
        if self == .distantFuture { return "infinity" }
        if self == .distantPast { return "-infinity" }
        let day = Int64(86_400_000_000)
        var days = microseconds / day
        var rest = microseconds % day
        if rest < 0 {
            days -= 1
            rest += day
        }
        // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let dayOfMonth = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let second = rest / 1_000_000
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))"
            + "T\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
            + ".\(padded(rest % 1_000_000, 6))Z"
    }
}
