import Postgres

/// How the text of a setting becomes a value, and back.
public struct SettingFormat<Value: Sendable>: Sendable {
    /// What is expected, to follow "must be": "a duration from 1s to 1h, such as 30s".
    public let expected: String
    /// Nil where the text isn't what is expected.
    public let parse: @Sendable (String) -> Value?
    /// Text that `parse` turns into the same value.
    public let write: @Sendable (Value) -> String
    /// How much of such a text nobody else may see.
    package let secrecy: SettingSecrecy

    /// - Parameters:
    ///   - parse: nil where the text isn't what is expected.
    ///   - write: text that `parse` turns into the same value.
    public init(
        expected: String, parse: @escaping @Sendable (String) -> Value?, write: @escaping @Sendable (Value) -> String
    ) {
        self.init(expected: expected, parse: parse, write: write, secrecy: .open)
    }

    package init(
        expected: String, parse: @escaping @Sendable (String) -> Value?, write: @escaping @Sendable (Value) -> String,
        secrecy: SettingSecrecy
    ) {
        self.expected = expected
        self.parse = parse
        self.write = write
        self.secrecy = secrecy
    }
}

/// How much of a setting's text nobody else may see.
package enum SettingSecrecy: Int, Comparable, Sendable {
    case open
    /// It may hold a password, as a URL does: shown redacted only.
    case partly
    /// All of it is a password: not shown at all.
    case whole

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension SettingFormat where Value == String {
    public static let text = SettingFormat(
        expected: "a text that isn't empty", parse: { $0.isEmpty ? nil : $0 }, write: { $0 })

    public static let path = SettingFormat(
        expected: "a path", parse: { $0.isEmpty || $0.contains("\0") ? nil : $0 }, write: { $0 })

    /// A bootstrap list as librdkafka reads it.
    public static let brokers = SettingFormat(
        expected: "host:port, more of them separated by commas",
        parse: { text in
            let brokers = text.split(separator: ",", omittingEmptySubsequences: false)
            let good = brokers.allSatisfy { broker in
                guard let colon = broker.lastIndex(of: ":"), colon > broker.startIndex else { return false }
                let port = Int(broker[broker.index(after: colon)...])
                return port.map { (1...65_535).contains($0) } == true && !broker.contains(where: \.isWhitespace)
            }
            return good ? text : nil
        }, write: { $0 })

    /// Kafka's rule for topic names.
    public static let topic = SettingFormat(
        expected: "a topic name of letters, digits, '.', '_' and '-', at most 249 of them",
        parse: { text in
            let legal = text.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "_" || $0 == "-")
            }
            return legal && (1...249).contains(text.count) && text != "." && text != ".." ? text : nil
        }, write: { $0 })

    /// What libpq understands.
    public static let databaseURL = SettingFormat(
        expected: "a URL such as postgresql://user:password@host:5432/database (percent-encode / : @ in a password)",
        parse: { (try? PostgresConfiguration($0)) == nil || $0.isEmpty ? nil : $0 }, write: { $0 }, secrecy: .partly)

    public static func url(_ schemes: String..., example: String) -> SettingFormat {
        SettingFormat(
            expected: "a URL such as \(example)",
            parse: { text in
                let hasHost = schemes.contains { text.hasPrefix($0 + "://") && text.count > $0.count + 3 }
                return hasHost && !text.contains(where: \.isWhitespace) ? text : nil
            }, write: { $0 }, secrecy: .partly)
    }

    /// One address, not a list with display names.
    public static let mailAddress = SettingFormat(
        expected: "a mail address such as orders@shop.example",
        parse: { text in
            let parts = text.split(separator: "@", omittingEmptySubsequences: false)
            let printable = text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
            let plain = !text.contains { "<>,;:\"()[]\\".contains($0) }
            return parts.count == 2 && !parts.contains("") && printable && plain ? text : nil
        }, write: { $0 })

    /// RFC 6750 §2.1 "b64token".
    public static let bearerToken = SettingFormat(
        expected: "a token of letters, digits and -._~+/=",
        parse: { text in
            let legal = text.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber || "-._~+/=".contains($0))
            }
            return legal && !text.isEmpty ? text : nil
        }, write: { $0 }, secrecy: .whole)

    public static let domain = SettingFormat(
        expected: "a domain such as shop.example",
        parse: { text in
            let legal = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "-") }
            return legal && !text.isEmpty && !text.hasPrefix(".") && !text.hasPrefix("-") ? text : nil
        }, write: { $0 })
}

/// A header field for a foreign server.
public struct HTTPHeaderSetting: Hashable, Sendable {
    public let name: String
    public let value: String
}

extension SettingFormat where Value == [HTTPHeaderSetting] {
    /// As `OTEL_EXPORTER_OTLP_HEADERS` has them. RFC 9110 §5.1, §5.5; no value has a comma.
    public static let headers = list(
        expecting: "name=value", repeated: .refused("name", by: { $0.name.lowercased() }), secrecy: .whole,
        write: { "\($0.name)=\($0.value)" }
    ) { pair in
        guard let equals = pair.firstIndex(of: "=") else { return nil }
        let (name, value) = (pair[..<equals], pair[pair.index(after: equals)...])
        let isName = name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        guard isName, !name.isEmpty, !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F })
        else { return nil }
        return HTTPHeaderSetting(name: String(name), value: String(value))
    }
}

extension SettingFormat where Value == Int {
    public static func integer(_ range: ClosedRange<Int>) -> SettingFormat {
        SettingFormat(
            expected: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            parse: { Int($0).flatMap { range.contains($0) ? $0 : nil } }, write: { String($0) })
    }

    /// 0 takes a free one.
    public static let port = integer(0...65_535)

    public static func bytes(_ range: ClosedRange<Int>) -> SettingFormat {
        SettingFormat(
            expected: "a size from \(ByteSizeText.write(range.lowerBound)) to \(ByteSizeText.write(range.upperBound))",
            parse: { ByteSizeText.parse($0).flatMap { range.contains($0) ? $0 : nil } }, write: ByteSizeText.write)
    }
}

extension SettingFormat where Value == Double {
    public static let ratio = SettingFormat(
        expected: "a number from 0 to 1",
        parse: { Double($0).flatMap { (0...1).contains($0) ? $0 : nil } },
        write: { $0 == $0.rounded() ? String(Int($0)) : String($0) })
}

extension SettingFormat where Value == Duration {
    public static func duration(_ range: ClosedRange<Duration>) -> SettingFormat {
        let (low, high) = (DurationText.write(range.lowerBound), DurationText.write(range.upperBound))
        return SettingFormat(
            expected: "a duration from \(low) to \(high), with its unit (us, ms, s, m, h, d), such as 250ms or 1m30s",
            parse: { DurationText.parse($0).flatMap { range.contains($0) ? $0 : nil } }, write: DurationText.write)
    }
}

extension SettingFormat where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    /// One of a closed set of words.
    public static var choice: SettingFormat {
        SettingFormat(
            expected: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "),
            parse: { Value(rawValue: $0) }, write: { $0.rawValue })
    }
}

extension SettingFormat {
    /// A setting that may be left out; its text is empty then.
    public var optional: SettingFormat<Value?> {
        SettingFormat<Value?>(
            expected: expected + ", or empty",
            parse: { text in text.isEmpty ? .some(nil) : parse(text).map { .some($0) } },
            write: { $0.map(write) ?? "" }, secrecy: secrecy)
    }
}

/// What a list has to say of elements that come again.
package enum Repetition<Element>: Sendable {
    /// They say the same once more.
    case harmless
    /// Two of one name could contradict each other: each may be there once. Takes what is named, for the message.
    case refused(_ what: String, by: @Sendable (Element) -> String)
}

extension SettingFormat {
    /// A list of what `element` reads, by commas; empty is none.
    ///
    /// - Parameter expected: without a word of how elements are separated, repeated or left out.
    package static func list<Element>(
        expecting expected: String, repeated: Repetition<Element>, secrecy: SettingSecrecy = .open,
        write: @escaping @Sendable (Element) -> String, _ element: @escaping @Sendable (String) -> Element?
    ) -> SettingFormat where Value == [Element] {
        let once =
            switch repeated {
            case .harmless: ""
            case .refused(let what, by: _): ", each \(what) once"
            }
        return SettingFormat(
            expected: "\(expected), more by commas\(once), or empty",
            parse: { text in
                let parts = text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false)
                let elements = parts.compactMap { element(String($0)) }
                guard elements.count == parts.count else { return nil }
                if case .refused(_, by: let name) = repeated, Set(elements.map(name)).count < parts.count { return nil }
                return elements
            }, write: { $0.map(write).joined(separator: ",") }, secrecy: secrecy)
    }
}
