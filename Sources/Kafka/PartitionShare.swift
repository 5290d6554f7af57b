/// How much an answer to a fetch has of a partition.
///
/// A broker sends whole batches, as producers made them. One that is larger than what is asked of its partition comes only
/// where nothing of other partitions stands before it in the answer (KIP-74): beside a backlog of others it may be asked for
/// in vain again and again (`TurnKeeper`).
enum PartitionShare {
    /// Bytes that a member asks of each partition.
    static let asked = 128 << 10
    /// Bytes that a producer puts into a batch, but for a record that is larger by itself: what it makes isn't to be asked
    /// for in vain.
    static let produced = 120_000
}
