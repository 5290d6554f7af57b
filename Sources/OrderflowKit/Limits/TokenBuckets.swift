import Execution

/// A bounded number of token buckets, for any number of owners.
///
/// A table of sets with a few places each: a bucket is looked for in one set, under one of many locks, and a full one
/// needs no place at all, since an unknown bucket is full. Where a set has only buckets that aren't full, the one that
/// is fullest is forgotten: its owner is given at most what it would have had a little later. So memory is bounded, no
/// name is kept, and a caller under very many names can't keep others out. The hash has a seed of the process
/// (`Hasher`), so that nobody chooses his set.
final class TokenBuckets: Sendable {
    /// 0 in `full` is the past: free.
    private struct Place {
        var key: UInt64 = 0
        var full: Int64 = 0
    }

    private static let ways = 8
    private static let shardBits: UInt64 = 6
    private let shards: [Monitor<[Place]>]
    private let setMask: UInt64

    /// - Parameter setsPerShard: a power of two; each has 8 places, and there are 64 shards.
    init(setsPerShard: Int = 128) {
        precondition(setsPerShard > 0 && setsPerShard.nonzeroBitCount == 1, "sets: \(setsPerShard)")
        setMask = UInt64(setsPerShard - 1)
        shards = (0..<(1 << Self.shardBits)).map { _ in
            Monitor([Place](repeating: Place(), count: setsPerShard * Self.ways))
        }
    }

    /// Takes a token from `owner`'s bucket.
    ///
    /// - Parameter now: nanoseconds of a clock that never goes back, above 0.
    func take(_ owner: some Hashable, _ quota: Quota, now: Int64) -> Quota.Verdict {
        var hasher = Hasher()
        hasher.combine(owner)
        let key = UInt64(bitPattern: Int64(hasher.finalize()))
        let first = Int(key >> 8 & setMask) * Self.ways
        return shards[Int(key >> (64 - Self.shardBits))].withLock { places in
            var chosen = first
            for index in first..<(first + Self.ways) {
                if places[index].key == key, places[index].full > now {
                    return quota.take(&places[index].full, now: now)
                }
                if places[index].full < places[chosen].full { chosen = index }
            }
            places[chosen] = Place(key: key, full: now)
            return quota.take(&places[chosen].full, now: now)
        }
    }
}
