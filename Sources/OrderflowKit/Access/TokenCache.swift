import Execution
import Hashing

/// Tokens whose signature was found right, by their fingerprints, each until it ends. Bounded: of two generations the
/// older one is dropped when the younger is full, so that what is in use stays.
final class TokenCache: Sendable {
    struct Entry {
        let principal: Principal
        /// Seconds since the Unix epoch.
        let end: Int64
        /// Of the key set that the signature was checked by.
        let epoch: Int
    }

    private struct Generations {
        var young: [Fingerprint: Entry] = [:]
        var old: [Fingerprint: Entry] = [:]
    }

    /// Loops rarely meet at one lock.
    private static let shards = 16
    /// Tokens of one generation of one shard: some 65 000 in all.
    private static let capacity = 2048

    private let shards = (0..<TokenCache.shards).map { _ in Monitor(Generations()) }

    func entry(_ token: Fingerprint) -> Entry? {
        shard(token).withLock { generations in
            if let entry = generations.young[token] { return entry }
            guard let entry = generations.old.removeValue(forKey: token) else { return nil }
            Self.keep(entry, token, in: &generations)
            return entry
        }
    }

    func keep(_ entry: Entry, for token: Fingerprint) {
        shard(token).withLock { Self.keep(entry, token, in: &$0) }
    }

    private static func keep(_ entry: Entry, _ token: Fingerprint, in generations: inout Generations) {
        if generations.young.count >= capacity {
            generations.old = generations.young
            generations.young = [:]
        }
        generations.young[token] = entry
    }

    private func shard(_ token: Fingerprint) -> Monitor<Generations> {
        shards[Int(truncatingIfNeeded: UInt(bitPattern: token.hashValue) % UInt(Self.shards))]
    }
}
