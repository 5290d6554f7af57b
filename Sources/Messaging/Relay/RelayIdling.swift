import Execution
import Postgres

/// How a leader waits for rows, and how it hears of them.
///
/// Commits of its own process raise its signal; those of the processes that follow it are notified
/// (`RelaySource.channel`). Nothing of that is stored: who commits may be killed before it tells, or be a program that
/// doesn't tell. So the leader looks by itself too, every `idlePoll`, and for a while more often once it has found
/// something that nobody had told it of.
struct RelayIdling {
    private let configuration: Relay.Configuration
    private let signal: WakeSignal
    private var poll: Duration
    private var isTold = false
    private var foundLast = ContinuousClock.now

    /// So long without rows is a quiet time, in which there is room for other things.
    static let quiet: Duration = .seconds(5)

    init(_ configuration: Relay.Configuration, _ signal: WakeSignal) {
        self.configuration = configuration
        self.signal = signal
        poll = configuration.idlePoll
    }

    /// A look begins: whatever was told before is told of rows that it sees.
    mutating func looks(on connection: Connection) {
        // Notifications that came with answers, while there was no time to wait, are held in memory until they are taken.
        let isNotified = connection.dropNotifications()
        isTold = signal.take() || isNotified || isTold
    }

    /// The look has found rows.
    mutating func found() {
        if !isTold { poll = configuration.busyPoll }
        isTold = false
        foundLast = .now
    }

    /// Waits until there may be something, for the least of `limits` at most. Throws when the connection is lost, and with it
    /// the leadership.
    mutating func wait(on connection: Connection, atMost limits: Duration?...) throws {
        isTold = try connection.waitForNotification(timeout: limits.compactMap(\.self).reduce(poll, min), or: signal)
        poll = min(poll * 2, configuration.idlePoll)
    }

    var isQuiet: Bool { foundLast.duration(to: .now) >= Self.quiet }
}
