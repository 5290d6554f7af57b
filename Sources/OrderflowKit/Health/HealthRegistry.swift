import Execution

/// What one part of a daemon says of itself.
public enum HealthStatus: Sendable, Hashable {
    case ready
    /// There is no work for it at the moment, which is as it should be: it takes over where another goes.
    case standBy(String)
    /// It does its work, but something is amiss that an operator should see. Traffic still comes.
    case degraded(String)
    /// Why not, in a few words for an operator.
    case notReady(String)

    /// Nil when all is well.
    public var reason: String? {
        switch self {
        case .ready, .standBy: nil
        case .degraded(let reason), .notReady(let reason): reason
        }
    }

    /// What there is to say without anything being amiss.
    public var note: String? {
        if case .standBy(let note) = self { "stand-by: \(note)" } else { nil }
    }

    public var isReady: Bool {
        if case .notReady = self { false } else { true }
    }
}

/// Asks every part of a daemon whether it can do its work. The answer decides whether traffic is sent here, never
/// whether the process is restarted: a dependency that is down doesn't come back by restarting us.
public final class HealthRegistry: Sendable {
    /// All answers at one moment.
    public struct Report: Sendable, Hashable {
        /// In the order of registration.
        public let checks: [Check]

        public struct Check: Sendable, Hashable {
            public let name: String
            public let status: HealthStatus
        }

        public var isReady: Bool { checks.allSatisfy(\.status.isReady) }
    }

    private struct Entry: Sendable {
        let name: String
        let check: @Sendable () -> HealthStatus
    }

    private struct State {
        var entries: [Entry] = []
        var isStopping = false
    }

    private let state = Monitor(State())

    public init() {}

    /// Adds a check under `name`, replacing one of the same name.
    ///
    /// - Parameter check: called from an HTTP loop at every probe, so it only looks at what is known already and never
    ///   waits for a network or a lock that is held for long.
    public func register(_ name: String, _ check: @escaping @Sendable () -> HealthStatus) {
        let entry = Entry(name: name, check: check)
        state.withLock { state in
            if let index = state.entries.firstIndex(where: { $0.name == name }) {
                state.entries[index] = entry
            } else {
                state.entries.append(entry)
            }
        }
    }

    /// From now on the daemon isn't ready, so that a load balancer sends nothing new while it drains.
    public func stopping() {
        state.withLock { $0.isStopping = true }
    }

    public var isStopping: Bool { state.withLock { $0.isStopping } }

    public var report: Report {
        let (entries, isStopping) = state.withLock { ($0.entries, $0.isStopping) }
        var checks = entries.map { Report.Check(name: $0.name, status: $0.check()) }
        if isStopping { checks.append(Report.Check(name: "shutdown", status: .notReady("stopping"))) }
        return Report(checks: checks)
    }
}
