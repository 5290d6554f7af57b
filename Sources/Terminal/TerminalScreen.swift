import Foundation
import Glibc

/// The whole of a terminal, for something that changes: the alternate screen (xterm's private mode 1049), so that what
/// was there before is there again afterwards.
package struct TerminalScreen: ~Copyable {
    package init() {
        // No cursor.
        tell("\u{1B}[?1049h\u{1B}[?25l")
    }

    deinit { tell("\u{1B}[?25h\u{1B}[?1049l") }

    /// Shows the text, cut to what fits. Written over the last one, not after clearing: that would flicker.
    package func show(_ text: TerminalText) {
        let size = Self.size
        let lines = text.lines.prefix(max(1, size.rows - 1))
        tell(
            "\u{1B}[H"
                + lines.map { line in line.map { Self.cut($0, to: size.columns) } + "\u{1B}[K\r\n" }.joined()
                + "\u{1B}[J")
    }

    package static var size: (rows: Int, columns: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else {
            return (24, 80)
        }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    /// Of the terminal behind a descriptor.
    package static func columns(of descriptor: Int32) -> Int {
        var size = winsize()
        return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// The first `columns` characters; colour codes take no place.
    package static func cut(_ line: String, to columns: Int) -> String {
        var (shown, out, isCode) = (0, "", false)
        for character in line {
            if character == "\u{1B}" { isCode = true }
            if isCode {
                out.append(character)
                if character == "m" { isCode = false }
            } else if shown < columns {
                out.append(character)
                shown += 1
            }
        }
        return out
    }
}
