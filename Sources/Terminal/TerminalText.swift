import Telemetry

/// What goes to a terminal. Literals are ours and stand as they are; whatever is interpolated came from data, or from a
/// server's words, and is escaped: it can't end its line, move the cursor or turn the text around.
///
///     "order \(id) is \(status)\n"
///
/// Nothing but this can be written to stdout or stderr by a command.
package struct TerminalText: Hashable, Sendable, ExpressibleByStringInterpolation {
    package private(set) var text: String

    package init(stringLiteral literal: String) { text = literal }

    package init(stringInterpolation interpolation: StringInterpolation) { text = interpolation.text }

    /// One JSON document as a line.
    package init(json bytes: [UInt8]) {
        var bytes = bytes
        PrintableText.escape(json: &bytes)
        text = String(decoding: bytes, as: UTF8.self) + "\n"
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        package init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

        package mutating func appendLiteral(_ literal: String) { text += literal }
        package mutating func appendInterpolation(_ shown: TerminalText) { text += shown.text }
        package mutating func appendInterpolation(_ data: some Any) { text += PrintableText.escaped("\(data)") }
    }

    package static func + (a: TerminalText, b: TerminalText) -> TerminalText { "\(a)\(b)" }
    package static func += (a: inout TerminalText, b: TerminalText) { a.text += b.text }

    /// So many blanks.
    package static func blanks(_ count: Int) -> TerminalText {
        TerminalText(stringLiteral: String(repeating: " ", count: max(0, count)))
    }

    /// The same without the characters that `cut` leaves out.
    package func map(_ cut: (String) -> String) -> TerminalText { TerminalText(stringLiteral: cut(text)) }

    package var lines: [TerminalText] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { TerminalText(stringLiteral: String($0)) }
    }
}

extension Sequence<TerminalText> {
    package func joined(separator: TerminalText = "") -> TerminalText {
        TerminalText(stringLiteral: map(\.text).joined(separator: separator.text))
    }
}
