import Execution
import Hashing
import Synchronization

/// The API keys in force, in memory. `APIKeyReader` keeps it as the table is.
final class APIKeyRing: Sendable {
    /// A key, and when it was last seen in use.
    final class Entry: Sendable {
        let id: Int64
        let principal: Principal
        /// Seconds since the Unix epoch; nil for one that doesn't expire.
        let end: Int64?
        private let noted = Atomic<Int64>(.min / 2)

        init(_ key: APIKeyStore.Known) {
            id = key.id
            principal = key.principal
            end = key.end
        }

        /// Whether this use is to be noted down: one a minute is enough.
        func isWorthNoting(at now: Int64) -> Bool {
            let last = noted.load(ordering: .relaxed)
            return now - last >= 60 && noted.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
        }
    }

    private struct State {
        var entries: [Fingerprint: Entry] = [:]
        /// Keys in force are known, if not the newest.
        var isRead = false
        /// Why the table can't be read; nil while it can.
        var problem: String? = "not read yet"
        /// Seconds since the Unix epoch, by the key's id.
        var uses: [Int64: Int64] = [:]
    }

    private let state = Monitor(State())

    /// The key's owner.
    ///
    /// - Parameter now: seconds since the Unix epoch.
    func principal(of key: Fingerprint, at now: Int64) throws(IdentityRefusal) -> Principal {
        let (entry, problem) = state.withLock { ($0.entries[key], $0.problem) }
        // What isn't known may have been made since the table could last be read.
        guard let entry else { throw problem == nil ? .unknownKey : .keysAway }
        if let end = entry.end, now >= end { throw .expiredKey }
        if entry.isWorthNoting(at: now) { state.withLock { $0.uses[entry.id] = now } }
        return entry.principal
    }

    var health: HealthStatus {
        state.withLock { state in
            guard let problem = state.problem else { return .ready }
            return state.isRead ? .degraded(problem) : .notReady(problem)
        }
    }

    var count: Int { state.withLock { $0.entries.count } }

    /// - Parameter isWhole: whether these are all keys in force.
    func take(_ keys: [APIKeyStore.Known], isWhole: Bool) {
        state.withLock { state in
            var old: [Fingerprint: Entry] = [:]
            if isWhole { swap(&old, &state.entries) }
            for key in keys {
                let known = old.removeValue(forKey: key.hash) ?? state.entries[key.hash]
                if key.isRevoked { known?.principal.revoke() }
                // A key's rights never change, so that who has it may stay.
                state.entries[key.hash] = key.isRevoked ? nil : known ?? Entry(key)
            }
            for gone in old.values { gone.principal.revoke() }
            state.isRead = true
            state.problem = nil
        }
    }

    func lost(_ problem: String) { state.withLock { $0.problem = problem } }

    /// What was used since it was last asked.
    func takeUses() -> [Int64: Int64] {
        state.withLock { state in
            defer { state.uses = [:] }
            return state.uses
        }
    }

    /// They couldn't be written down.
    func giveBack(_ uses: [Int64: Int64]) {
        state.withLock { $0.uses.merge(uses) { max($0, $1) } }
    }
}
