import Kafka
import Postgres

/// How far a shadow is in each partition, and how far the live group is.
struct ShadowPositions: Sendable {
    /// The next offset of each partition.
    var next: [TopicPartition: Int64]
    /// The live group's.
    private(set) var bounds: [TopicPartition: Int64] = [:]

    init(from next: [TopicPartition: Int64]) { self.next = next }

    var isThrough: Bool { bounds.allSatisfy { next[$0.key] ?? 0 >= $0.value } }
    var remaining: Int64 { bounds.reduce(0) { $0 + max(0, $1.value - (next[$1.key] ?? 0)) } }
    /// Records seen to.
    var done: Int64 { next.values.reduce(0, +) }

    mutating func extend(to bounds: [TopicPartition: Int64]) throws {
        for (partition, bound) in bounds where bound < next[partition] ?? 0 {
            throw RebuildError(
                "the live group has gone back to \(bound) in \(partition), where the rebuilt model is at "
                    + "\(next[partition] ?? 0): wait until it has caught up, or start anew with --discard")
        }
        self.bounds = bounds
    }

    /// The topics must hold all that the live group has seen.
    func checkTopics(_ admin: Admin) throws {
        for (partition, bound) in bounds.sorted(by: { $0.key < $1.key }) {
            let next = next[partition] ?? 0
            guard next < bound else { continue }
            let marks = try admin.watermarks(partition)
            guard marks.low <= next else {
                throw RebuildError(
                    "\(partition) starts at offset \(marks.low): what was before it is gone, and would be missing")
            }
            guard marks.high >= bound else {
                throw RebuildError(
                    "\(partition) ends at offset \(marks.high), but the live group is at \(bound): the broker has lost records"
                )
            }
        }
    }

    /// The live group's letters from here on, as they are now.
    func letters(of group: String, on connection: Connection) throws -> ShadowLetters {
        try .load(
            group: group, from: Dictionary(uniqueKeysWithValues: bounds.keys.map { ($0, next[$0] ?? 0) }),
            on: connection)
    }
}
