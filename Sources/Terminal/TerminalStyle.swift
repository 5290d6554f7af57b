import Foundation
import Glibc
import Telemetry

/// Colours for a terminal, and none for anything else.
package struct TerminalStyle: Sendable {
    package enum Ink: String, Sendable {
        case heading = "1"
        case good = "32"
        case bad = "31"
        case quiet = "2"
    }

    package let isColoured: Bool

    package static let plain = TerminalStyle(isColoured: false)

    /// As standard output and the environment want it: `NO_COLOR` (no-color.org), `TERM=dumb`.
    package static var standardOutput: TerminalStyle {
        TerminalStyle(
            isColoured: LogOutput(descriptor: STDOUT_FILENO).wantsColour(
                environment: ProcessInfo.processInfo.environment))
    }

    package func paint(_ text: TerminalText, _ ink: Ink?) -> TerminalText {
        guard isColoured, let ink, !text.text.isEmpty else { return text }
        return "\u{1B}[\(ink.rawValue)m\(text)\u{1B}[0m"
    }
}
