import Execution
import Hashing

/// What was found out about tokens, by their fingerprints. Bounded: of two generations the older one is dropped when the
/// younger is full, so that what is in use stays.
final class TokenCache<Finding: Sendable>: Sendable {
    struct Entry {
        let finding: Finding
        /// Seconds since the Unix epoch: from then on it is to be found out again.
        let end: Int64
        /// Of the key set that the signature was checked by.
        let epoch: Int
    }

    private struct Generations {
        var young: [Fingerprint: Entry] = [:]
        var old: [Fingerprint: Entry] = [:]
    }

    /// Tokens of one generation of one shard.
    private let capacity: Int
    /// Loops rarely meet at one lock.
    private let shards = (0..<16).map { _ in Monitor(Generations()) }

    /// - Parameter capacity: some so many tokens are kept at most, half of them at least.
    init(capacity: Int = 65_536) { self.capacity = max(1, capacity / (2 * shards.count)) }

    func entry(_ token: Fingerprint) -> Entry? {
        shard(token).withLock { generations in
            if let entry = generations.young[token] { return entry }
            guard let entry = generations.old.removeValue(forKey: token) else { return nil }
            keep(entry, token, in: &generations)
            return entry
        }
    }

    func keep(_ entry: Entry, for token: Fingerprint) {
        shard(token).withLock { keep(entry, token, in: &$0) }
    }

    private func keep(_ entry: Entry, _ token: Fingerprint, in generations: inout Generations) {
        if generations.young.count >= capacity {
            generations.old = generations.young
            generations.young = [:]
        }
        generations.young[token] = entry
    }

    private func shard(_ token: Fingerprint) -> Monitor<Generations> {
        shards[Int(truncatingIfNeeded: UInt(bitPattern: token.hashValue) % UInt(shards.count))]
    }
}
