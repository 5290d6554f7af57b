/// A mail as it goes over the wire: RFC 5322 with MIME (RFC 2045), plain text in UTF-8, any subject (RFC 2047).
public struct MailMessage: Sendable {
    public let messageID: String
    public let from: String
    public let to: String
    public let subject: String
    public let body: String
    /// Microseconds since the Unix epoch.
    public let date: Int64

    /// An address or id that would break out of its header line.
    public struct Malformed: Error, Hashable, Sendable, CustomStringConvertible {
        public let field: String
        public var description: String { "\(field) is not fit for a mail header" }
    }

    /// - Parameter messageID: without angle brackets, `left@right`. The same mail sent twice has the same one, which
    ///   is how a mail server or reader can tell.
    public init(
        messageID: String, from: String, to: String, subject: String, body: String, date: Int64
    ) throws(Malformed) {
        for (field, value) in [("Message-ID", messageID), ("From", from), ("To", to)] {
            let parts = value.split(separator: "@", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }), value.utf8.count <= 320,
                value.unicodeScalars.allSatisfy({
                    $0.value > 0x20 && $0.value != 0x7F && !"<>,;:\"()[]\\".unicodeScalars.contains($0)
                })
            else { throw Malformed(field: field) }
        }
        self.messageID = messageID
        self.from = from
        self.to = to
        self.subject = subject
        self.body = body
        self.date = date
    }

    /// The whole message with CRLF line ends.
    public var bytes: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(512 + body.utf8.count)
        func line(_ content: String) {
            text.append(contentsOf: content.utf8)
            text.append(contentsOf: [0x0D, 0x0A])
        }
        line("Date: \(MailDate.text(date))")
        line("From: <\(from)>")
        line("To: <\(to)>")
        line("Message-ID: <\(messageID)>")
        line("Subject: \(EncodedWords.encode(subject))")
        line("MIME-Version: 1.0")
        line("Content-Type: text/plain; charset=utf-8")
        line("Content-Transfer-Encoding: quoted-printable")
        line("Auto-Submitted: auto-generated")
        line("")
        QuotedPrintable.append(body, to: &text)
        return text
    }
}

/// Dates of RFC 5322 §3.3, in UTC.
enum MailDate {
    static func text(_ microseconds: Int64) -> String {
        let seconds = microseconds >= 0 ? microseconds / 1_000_000 : (microseconds - 999_999) / 1_000_000
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let time = seconds - days * 86_400
        // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let index = (5 * dayOfYear + 2) / 153
        let month = Int(index < 10 ? index + 3 : index - 9)
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let weekday = Int(((days % 7) + 11) % 7)  // 1970-01-01 was a Thursday
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(days7[weekday]), \(dayOfYear - (153 * index + 2) / 5 + 1) \(months[month - 1]) \(year) "
            + "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60)) +0000"
    }

    private static let days7 = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}

/// Header text of any characters (RFC 2047 §4.2, "Q" encoding).
enum EncodedWords {
    /// An encoded word may have 75 characters; `=?utf-8?Q?` and `?=` take 12.
    private static let room = 63

    static func encode(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } && !text.contains("=?") && text.utf8.count <= 900
        if plain { return text }
        var words: [String] = []
        var word = ""
        for scalar in text.unicodeScalars {
            var piece = ""
            for byte in String(scalar).utf8 {
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: piece.unicodeScalars.append(Unicode.Scalar(byte))
                case 0x20: piece += "_"
                default: piece += "=" + QuotedPrintable.hex(byte)
                }
            }
            // A character is never cut in two.
            if word.utf8.count + piece.utf8.count > room {
                words.append(word)
                word = ""
            }
            word += piece
        }
        words.append(word)
        return words.map { "=?utf-8?Q?\($0)?=" }.joined(separator: "\r\n ")
    }
}

/// RFC 2045 §6.7.
enum QuotedPrintable {
    static func append(_ text: String, to bytes: inout [UInt8]) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            var length = 0
            let content = Array(line.utf8)
            for (index, byte) in content.enumerated() {
                let last = index == content.count - 1
                let literal = (byte >= 0x21 && byte <= 0x7E && byte != UInt8(ascii: "=")) || (byte == 0x20 && !last)
                let width = literal ? 1 : 3
                if length + width > 75 {
                    bytes.append(contentsOf: [UInt8(ascii: "="), 0x0D, 0x0A])
                    length = 0
                }
                if literal {
                    bytes.append(byte)
                } else {
                    bytes.append(UInt8(ascii: "="))
                    bytes.append(contentsOf: hex(byte).utf8)
                }
                length += width
            }
            bytes.append(contentsOf: [0x0D, 0x0A])
        }
    }

    static func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16, uppercase: true)
        return byte < 16 ? "0" + text : text
    }
}
