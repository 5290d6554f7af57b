import Kafka

/// What of a topic is to be shown.
struct ReplayRequest: Sendable {
    enum Format: String, Sendable, CaseIterable { case json, text }

    var topic: String
    /// The topic's express lane, shown with it where the cluster has one.
    var lane: String?
    /// Empty is all of them.
    var partitions: [Int32] = []
    var keys: Set<String> = []
    var types: Set<String> = []
    var fromOffset: Int64?
    /// Microseconds since the Unix epoch; inclusive and exclusive.
    var fromTime: Int64?
    var until: Int64?
    var limit: Int?
    /// In the order of the records' times over all partitions, rather than as they come.
    var merge = false
    /// Goes on with what is written after the start.
    var follow = false
    var format = Format.json
}

/// What can't be replayed, in one line.
struct ReplayError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension ReplayRequest {
    /// The offsets to read of each partition, up to what the topic holds now.
    func ranges(_ admin: Admin, brokers: String) throws -> [TopicPartition: Range<Int64>] {
        guard let description = try admin.topics(named: topic).first else {
            throw ReplayError("there is no topic \(topic) at \(brokers)")
        }
        var all = description.places
        if let missing = partitions.first(where: { number in !all.contains { $0.partition == number } }) {
            throw ReplayError("\(topic) has no partition \(missing); it has \(all.count), from 0")
        }
        // Partitions and offsets are those of one topic.
        if let lane, partitions.isEmpty, fromOffset == nil {
            all += try admin.topics(named: lane).flatMap(\.places)
        }
        let chosen = partitions.isEmpty ? all : all.filter { partitions.contains($0.partition) }
        let starts = try fromTime.map { try admin.offsets(notBefore: Self.milliseconds($0), of: chosen) }
        let ends = try until.map { try admin.offsets(notBefore: Self.milliseconds($0), of: chosen) }
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in chosen {
            let marks = try admin.watermarks(partition)
            var start = max(marks.low, fromOffset ?? 0)
            // A partition where everything is older has no such offset.
            if let starts { start = max(start, starts[partition] ?? marks.high) }
            let end = ends.map { min(marks.high, $0[partition] ?? marks.high) } ?? marks.high
            ranges[partition] = min(start, end)..<end
        }
        return ranges
    }

    /// Rounded up: a record of the millisecond that has begun is older.
    static func milliseconds(_ microseconds: Int64) -> Int64 {
        microseconds / 1_000 + (microseconds % 1_000 > 0 ? 1 : 0)
    }
}
