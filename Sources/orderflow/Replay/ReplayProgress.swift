import Glibc

/// How far a replay is, on one line of a terminal.
struct ReplayProgress {
    private let total: Int64
    private let isShown: Bool
    private let start = ContinuousClock.now
    private var nextLine = ContinuousClock.now + .milliseconds(300)
    private(set) var done: Int64 = 0

    /// - Parameter total: records to read; nil where nobody knows.
    init(total: Int64, isShown: Bool) {
        self.total = total
        self.isShown = isShown
    }

    /// On a terminal, unless the records themselves go to one.
    static var isWanted: Bool { isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 0 }

    mutating func advance(by count: Int) {
        done += Int64(count)
        guard isShown, .now >= nextLine else { return }
        nextLine = .now + .milliseconds(300)
        show(end: "")
    }

    func finish() { if isShown { show(end: "\n") } }

    private func show(end: String) {
        var line = "\r\u{1B}[K" + text(elapsed: start.duration(to: .now)) + end
        line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// `1200000 of 4000000 events (30%), 410000/s, 7s left`
    func text(elapsed: Duration) -> String {
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        let rate = seconds > 0 ? Double(done) / seconds : 0
        guard total > 0, done <= total else { return "\(done) events, \(Int(rate))/s" }
        var text = "\(done) of \(total) events (\(done * 100 / total)%), \(Int(rate))/s"
        if rate > 0, done < total { text += ", \(Int((Double(total - done) / rate).rounded(.up)))s left" }
        return text
    }
}
