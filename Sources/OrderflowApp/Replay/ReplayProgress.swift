import Execution
import Glibc

/// How far a replay or another long work is, on one line of a terminal.
struct ReplayProgress {
    private let label: String
    private let things: String
    private let isShown: Bool
    private var start = ContinuousClock.now
    private var nextLine = ContinuousClock.now + .milliseconds(300)
    /// Records to read; it may grow.
    private var total: Int64
    private(set) var done: Int64 = 0
    /// Of `done`, by earlier runs.
    private var resumed: Int64 = 0

    private static let barWidth = 30

    /// - Parameters:
    ///   - label: in front of the bar.
    ///   - things: that are counted.
    init(
        _ label: String = "", of things: String = "events", total: Int64, isShown: Bool = isatty(STDERR_FILENO) == 1
    ) {
        self.label = label.isEmpty ? "" : label + " "
        self.things = things
        self.total = total
        self.isShown = isShown
    }

    /// On a terminal, unless the records themselves go to one.
    static var isWanted: Bool { isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 0 }

    mutating func advance(by count: Int) { move(to: done + Int64(count), of: total) }

    mutating func move(to done: Int64, of total: Int64, resumed: Int64 = 0) {
        self.done = done
        self.total = total
        self.resumed = resumed
        guard isShown, .now >= nextLine else { return }
        nextLine = .now + .milliseconds(300)
        show(end: "")
    }

    /// The rate counts from now on.
    mutating func restart() { start = .now }

    func finish() { if isShown { show(end: "\n") } }

    /// What is done when the last record has been read.
    func tell(_ what: String) { if isShown { write("\(label)\(what)…") } }

    /// Takes the line away, for others to write there.
    func clear() { if isShown { write("") } }

    private func show(end: String) { write(label + text(elapsed: start.duration(to: .now)) + end) }

    private func write(_ text: String) {
        var line = "\r\u{1B}[K" + text
        line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// `[#########---------------------] 30%  1200000 of 4000000 events, 410000/s, 7s left`
    func text(elapsed: Duration) -> String {
        let seconds = elapsed / .seconds(1)
        let rate = seconds > 0 ? Double(done - resumed) / seconds : 0
        let wholeRate = Int64(saturating: rate.rounded(.down))
        guard total > 0, done <= total else { return "\(done) \(things), \(wholeRate)/s" }
        let filled = Int(Int64(Self.barWidth) * done / total)
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: Self.barWidth - filled)
        var text = "[\(bar)] \(done * 100 / total)%  \(done) of \(total) \(things), \(wholeRate)/s"
        if rate > 0, done < total { text += ", \(Int64(saturating: (Double(total - done) / rate).rounded(.up)))s left" }
        return text
    }
}
