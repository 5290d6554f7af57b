import Execution
import Postgres

/// How a leader waits for rows, and how it hears of them.
///
/// Commits of its own process tell it; those of the processes that follow it are notified (`RelaySource.channel`). Nothing
/// of that is stored: who commits may be killed before it tells, or be a program that doesn't tell. So the leader looks by
/// itself too, every `idlePoll`, and for a while more often once it has found something that nobody had told it of. Where it
/// is known that nothing is written to the server at all (`WriteMark`), it looks every `restPoll`, and as soon as there is
/// something again.
struct RelayIdling {
    private let configuration: Relay.Configuration
    private let calls: RelayCalls
    private let writes: WriteMark?
    private var poll: Duration
    private var isTold = false
    private var foundLast = ContinuousClock.now
    /// Of what was written, as of the last look.
    private var news = 0

    /// So long without rows is a quiet time, in which there is room for other things.
    static let quiet: Duration = .seconds(5)

    init(_ configuration: Relay.Configuration, _ calls: RelayCalls, _ writes: WriteMark?) {
        self.configuration = configuration
        self.calls = calls
        self.writes = writes
        poll = configuration.idlePoll
    }

    /// A look begins: whatever was told before is told of rows that it sees.
    mutating func looks(on connection: Connection) {
        news = writes?.news ?? 0
        // Notifications that came with answers, while there was no time to wait, are held in memory until they are taken.
        let isNotified = connection.dropNotifications()
        isTold = calls.take() || isNotified || isTold
    }

    /// The look has found rows.
    mutating func found() {
        if !isTold { poll = configuration.busyPoll }
        isTold = false
        foundLast = .now
    }

    /// Nothing is written to the server, and the last look has seen all that was.
    var isAtRest: Bool { writes?.isAtRest(since: news) ?? false }

    /// Waits until there may be something, for the least of `limits` at most. Throws when the connection is lost, and with it
    /// the leadership.
    mutating func wait(on connection: Connection, atMost limits: Duration?...) throws {
        let longest = poll == configuration.idlePoll && isAtRest ? max(poll, configuration.restPoll) : poll
        isTold = try connection.waitForNotification(
            timeout: limits.compactMap(\.self).reduce(longest, min), or: calls.signal)
        poll = min(poll * 2, configuration.idlePoll)
    }

    var isQuiet: Bool { foundLast.duration(to: .now) >= Self.quiet }
}
