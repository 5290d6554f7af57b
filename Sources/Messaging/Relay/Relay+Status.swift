import Execution
import Kafka

extension Relay {
    /// What readiness and metrics say of the relay.
    public struct Status: Sendable {
        public var leading = false
        /// The error that holds the relay up, nil while it flows.
        public var problem: String?
        /// It leads, and reads the log.
        public var readsLog = false
        /// Why it reads by windows though it should read the log; nil where it does as it should.
        public var fallback: String?
        public var published: Int64 = 0
        /// When the oldest event happened that is read but not acknowledged yet, microseconds since the Unix epoch.
        public var oldestInHand: Int64?
    }

    public var currentStatus: Status {
        var status = status.withLock { $0 }
        status.problem = status.problem ?? producer.outage.map { "\($0)" }
        return status
    }

    // MARK: What is noted on the way

    func note(leading: Bool) {
        status.withLock {
            $0.leading = leading
            $0.readsLog = false
            if !leading { $0.fallback = nil }
            // A leader that begins anew still has its problem until it gets on.
            if !leading { $0.problem = nil }
            $0.oldestInHand = nil
        }
    }

    func note(problem: String) {
        status.withLock {
            $0.leading = false
            $0.readsLog = false
            $0.problem = problem
        }
    }

    func note(readsLog: Bool, _ fallback: String?) {
        status.withLock {
            $0.readsLog = readsLog
            $0.fallback = fallback
        }
    }

    func note(inHand oldest: Int64?) { status.withLock { $0.oldestInHand = oldest } }

    func note(published: Int64) {
        status.withLock {
            $0.published = published
            $0.problem = nil
        }
    }
}
