import Foundation

/// One line on stderr.
package func warn(_ problem: TerminalText) {
    FileHandle.standardError.write(Data(("orderflow: \(problem)\n" as TerminalText).text.utf8))
}

/// On stdout at once: a pipe or a file gets it when a terminal would.
package func tell(_ text: TerminalText) {
    FileHandle.standardOutput.write(Data(text.text.utf8))
}
