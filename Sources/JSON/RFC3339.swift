/// Times as JSON documents carry them (RFC 3339, UTC on the way out), to and from microseconds since the Unix epoch.
public enum RFC3339 {
    /// The times that this text, PostgreSQL and most readers can say: 0001-01-01T00:00:00Z to
    /// 9999-12-31T23:59:59.999999Z. Nothing outside of it is read, stored or written.
    public static let range: ClosedRange<Int64> = -62_135_596_800_000_000...253_402_300_799_999_999

    /// `2026-11-21T06:51:22.123456Z`. A time out of `range` is given as the nearest in it.
    public static func text(_ microseconds: Int64) -> String {
        String(unsafeUninitializedCapacity: textLength) { buffer in
            write(microseconds, into: buffer)
            return textLength
        }
    }

    /// Appends the text in quotes, as a JSON string.
    public static func append(_ microseconds: Int64, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: textLength) { buffer in
            write(microseconds, into: buffer)
            bytes.append(contentsOf: buffer)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Bytes of every text that is written.
    package static let textLength = 27

    /// Writes the text into the first `textLength` bytes of `buffer`, without quotes.
    package static func write(_ microseconds: Int64, into buffer: UnsafeMutableBufferPointer<UInt8>) {
        let microseconds = min(max(microseconds, range.lowerBound), range.upperBound)
        var seconds = microseconds / 1_000_000
        var fraction = microseconds % 1_000_000
        if fraction < 0 {
            fraction += 1_000_000
            seconds -= 1
        }
        var days = seconds / 86_400
        var rest = seconds % 86_400
        if rest < 0 {
            rest += 86_400
            days -= 1
        }
        let (year, month, day) = civil(days)
        var index = 0
        func put(_ value: Int64, _ digits: Int) {
            var value = value
            for place in stride(from: digits - 1, through: 0, by: -1) {
                buffer[index + place] = 0x30 + UInt8(truncatingIfNeeded: value % 10)
                value /= 10
            }
            index += digits
        }
        func put(_ character: UInt8) {
            buffer[index] = character
            index += 1
        }
        put(year, 4)
        put(UInt8(ascii: "-"))
        put(month, 2)
        put(UInt8(ascii: "-"))
        put(day, 2)
        put(UInt8(ascii: "T"))
        put(rest / 3600, 2)
        put(UInt8(ascii: ":"))
        put(rest / 60 % 60, 2)
        put(UInt8(ascii: ":"))
        put(rest % 60, 2)
        put(UInt8(ascii: "."))
        put(fraction, 6)
        put(UInt8(ascii: "Z"))
    }

    /// Reads `YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm)`. Digits past the microsecond are cut. Nil for anything else, for
    /// times outside of `range`, and for leap seconds: PostgreSQL and most readers have none.
    public static func microseconds(_ text: some StringProtocol) -> Int64? {
        var text = String(text)
        return text.withUTF8 { microseconds(utf8: $0) }
    }

    /// As `microseconds(_:)`, from bytes.
    public static func microseconds(utf8 bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard bytes.count >= 20, bytes.count <= 64 else { return nil }
        @inline(__always)
        func number(_ start: Int, _ count: Int) -> Int64? {
            var value: Int64 = 0
            for index in start..<(start + count) {
                guard bytes[index] >= 0x30, bytes[index] <= 0x39 else { return nil }
                value = value * 10 + Int64(bytes[index] - 0x30)
            }
            return value
        }
        guard let year = number(0, 4), bytes[4] == UInt8(ascii: "-"), let month = number(5, 2),
            bytes[7] == UInt8(ascii: "-"), let day = number(8, 2), bytes[10] | 0x20 == UInt8(ascii: "t"),
            let hour = number(11, 2), bytes[13] == UInt8(ascii: ":"), let minute = number(14, 2),
            bytes[16] == UInt8(ascii: ":"), let second = number(17, 2),
            (1...12).contains(month), day >= 1, day <= daysIn(month, year), hour < 24, minute < 60, second < 60
        else { return nil }
        var index = 19
        var fraction: Int64 = 0
        if bytes[index] == UInt8(ascii: ".") {
            index += 1
            var digits = 0
            while index < bytes.count, bytes[index] >= 0x30, bytes[index] <= 0x39 {
                if digits < 6 { fraction = fraction * 10 + Int64(bytes[index] - 0x30) }
                digits += 1
                index += 1
            }
            guard digits > 0 else { return nil }
            for _ in min(digits, 6)..<6 { fraction *= 10 }
        }
        guard index < bytes.count else { return nil }
        var offset: Int64 = 0
        if bytes[index] | 0x20 == UInt8(ascii: "z") {
            guard index + 1 == bytes.count else { return nil }
        } else {
            guard bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-"), index + 6 == bytes.count,
                bytes[index + 3] == UInt8(ascii: ":"), let hours = number(index + 1, 2),
                let minutes = number(index + 4, 2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * 60 * (bytes[index] == UInt8(ascii: "-") ? -1 : 1)
        }
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        let time = seconds * 1_000_000 + fraction
        return range.contains(time) ? time : nil
    }

    private static func daysIn(_ month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01 of a date, and back (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let month = monthIndex + (monthIndex < 10 ? 3 : -9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthIndex + 2) / 5 + 1)
    }
}
