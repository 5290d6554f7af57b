import Kafka
import Postgres

/// One piece of a rebuild: what one transaction brings to the shadow.
struct ShadowWindow: Sendable {
    var fold: any HistoryFold
    /// Where its partitions must be, and where they are after it.
    var from: [TopicPartition: Int64]
    var next: [TopicPartition: Int64] = [:]
    /// Dead letters of the live group that are left out by it, and earlier ones that are let in after all.
    var leftOut: [Int64] = []
    var letIn: [Int64] = []
    var records = 0
    var bytes = 0

    private var moved: [TopicPartition: Int64] { next.filter { $0.value > from[$0.key] ?? 0 } }
    var isEmpty: Bool { records == 0 && letIn.isEmpty && moved.isEmpty }

    /// `connection` is in the shadow.
    func write(group: String, on connection: Connection) throws {
        try connection.transaction { connection in
            let moved = moved
            if !moved.isEmpty {
                // Nobody else writes to them; this is for one that was thought to be dead.
                let stored = try ConsumerOffsets.lock(group: group, moved.keys.sorted(), on: connection)
                for partition in moved.keys where stored[partition] != from[partition] ?? 0 {
                    throw RebuildError("another process has written to the shadow: \(partition) is at another offset")
                }
            }
            try fold.write(on: connection)
            if !leftOut.isEmpty {
                _ = try connection.execute(
                    "INSERT INTO rebuild_letters SELECT unnest($1::bigint[])", [.int8Array(leftOut)])
            }
            if !letIn.isEmpty {
                _ = try connection.execute("DELETE FROM rebuild_letters WHERE id = ANY($1)", [.int8Array(letIn)])
            }
            if !moved.isEmpty { try ConsumerOffsets.store(group: group, moved, on: connection) }
        }
    }
}
