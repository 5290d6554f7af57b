import CLibpq
import Execution

/// What NOTIFY sent (PostgreSQL 15 documentation, NOTIFY): at most once, after the sender's commit, not stored.
/// A listener that was away has missed it, so a notification may only shorten a wait, never be the only cause.
public struct Notification: Sendable, Hashable {
    public let channel: String
    public let payload: String
    public let processID: Int32

    public init(channel: String, payload: String, processID: Int32) {
        self.channel = channel
        self.payload = payload
        self.processID = processID
    }
}

extension Connection {
    /// Subscribes this session. Inside a transaction it takes effect at the commit.
    public func listen(_ channel: String) throws(PostgresError) { try script("LISTEN \(quoteIdentifier(channel))") }

    public func unlisten(_ channel: String) throws(PostgresError) { try script("UNLISTEN \(quoteIdentifier(channel))") }

    /// Tells every listener at the commit. The payload is limited to 8000 bytes by the server.
    public func notify(_ channel: String, _ payload: String = "") throws(PostgresError) {
        _ = try query("SELECT pg_notify($1, $2)", [.text(channel), .text(payload)])
    }

    /// The next notification; nil when `timeout` passed or `stop` stopped first. Throws when the connection is lost.
    public func waitForNotification(timeout: Duration, stop: StopSignal? = nil) throws(PostgresError) -> Notification? {
        let descriptor = stop.map { stopDescriptor($0) } ?? -1
        return try nextNotification(until: .now + timeout, or: descriptor) { stop?.isStopped ?? false }
    }

    /// Waits until something was notified, `signal` is raised, or `timeout` has passed; for listeners to whom it says only
    /// that there is something to look for. Whether it was a notification; it is forgotten, the signal isn't taken.
    /// Throws when the connection is lost.
    public func waitForNotification(timeout: Duration, or signal: WakeSignal) throws(PostgresError) -> Bool {
        let deadline = ContinuousClock.now + timeout
        var isNotified = false
        try signal.whilePolled { descriptor throws(PostgresError) in
            isNotified = try nextNotification(until: deadline, or: descriptor) { signal.isRaised } != nil
        }
        return isNotified
    }

    /// Forgets what was notified so far, and says whether that was anything. Doesn't wait, nor read what the server has
    /// sent since the last statement.
    @discardableResult
    public func dropNotifications() -> Bool {
        var any = false
        while let raw = PQnotifies(link.raw) {
            PQfreemem(raw)
            any = true
        }
        return any
    }

    private func nextNotification(
        until deadline: ContinuousClock.Instant, or descriptor: Int32, isOver: () -> Bool
    ) throws(PostgresError) -> Notification? {
        try ensureReady()
        while true {
            if let raw = PQnotifies(link.raw) {
                defer { PQfreemem(raw) }
                return Notification(
                    channel: String(cString: raw.pointee.relname), payload: String(cString: raw.pointee.extra),
                    processID: raw.pointee.be_pid)
            }
            let until = configuration.needsWrites ? min(deadline, .now + Self.restLimit) : deadline
            if try !link.awaitInput(until: until, or: descriptor) {
                if isOver() { return nil }
                if configuration.needsWrites, link.hasRested(for: Self.restLimit) {
                    try plain("SELECT 1")
                    link.checkPlace()
                    try link.ensureAlive()
                }
                if .now >= deadline { return nil }
                continue
            }
            // Parses what was read.
            _ = PQisBusy(link.raw)
        }
    }

    /// A server that has been told to take no writes says so with an answer only: so long may go by without one.
    static var restLimit: Duration { .seconds(1) }

    private func stopDescriptor(_ stop: StopSignal) -> Int32 {
        if let stopPipe, stopPipe.belongs(to: stop) { return stopPipe.readEnd }
        stopPipe = StopPipe(stop)
        return stopPipe?.readEnd ?? -1
    }
}

/// A name as SQL wants it, whatever characters it has.
func quoteIdentifier(_ name: String) -> String {
    "\"" + name.replacing("\"", with: "\"\"") + "\""
}
