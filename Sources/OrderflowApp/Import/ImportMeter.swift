import Execution
import Foundation
import Glibc
import Terminal

/// Shows how far an import is: a bar on a terminal, a line now and then elsewhere. On stderr, as what it comes to at the end
/// goes to stdout.
final class ImportMeter: Sendable {
    private struct State {
        var start = ContinuousClock.now
        var nextLine = ContinuousClock.now
        var progress = ImportProgress()
    }

    private let isTerminal: Bool
    private let state = Monitor(State())

    private var interval: Duration { isTerminal ? .milliseconds(300) : .seconds(5) }

    init(isTerminal: Bool = isatty(STDERR_FILENO) == 1) { self.isTerminal = isTerminal }

    /// The rate counts from now on.
    func begin(_ progress: ImportProgress) {
        state.withLock { $0 = State(nextLine: .now + (isTerminal ? .zero : interval), progress: progress) }
    }

    func show(_ progress: ImportProgress) { step { $0.progress = progress } }

    /// Something is in the way, for now.
    func show(trouble: String) { step(waiting: trouble) { _ in } }

    func end(_ progress: ImportProgress) {
        let elapsed = state.withLock { $0.start.duration(to: .now) }
        write("\(progress.text(elapsed: elapsed))")
        endLine()
    }

    /// A line of another kind in the place of the bar.
    func tell(_ text: TerminalText) {
        let isDue = state.withLock { state in
            guard .now >= state.nextLine else { return false }
            state.nextLine = .now + interval
            return true
        }
        if isDue { write(text) }
    }

    func endLine() { if isTerminal { put("\n") } }

    private func step(waiting trouble: String? = nil, _ change: (inout State) -> Void) {
        let due = state.withLock { state -> (ImportProgress, Duration)? in
            change(&state)
            guard .now >= state.nextLine else { return nil }
            state.nextLine = .now + interval
            return (state.progress, state.start.duration(to: .now))
        }
        guard let (progress, elapsed) = due else { return }
        write("\(progress.text(elapsed: elapsed))" + (trouble.map { "  (waiting: \($0))" } ?? ""))
    }

    private func write(_ text: TerminalText) {
        guard isTerminal else { return put(text + "\n") }
        let columns = TerminalScreen.columns(of: STDERR_FILENO)
        put("\r" + text.map { TerminalScreen.cut($0, to: columns) } + "\u{1B}[K")
    }

    private func put(_ text: TerminalText) { FileHandle.standardError.write(Data(text.text.utf8)) }
}
