import Postgres

/// Rows as records, ready to be handed to the brokers.
struct RelayPage {
    let records: [RelayRecord]
    /// Rows read, of which some may have no topic.
    let rows: Int
    /// When the oldest event happened, microseconds since the Unix epoch.
    let oldestTime: Int64?
    /// The checkpoint once these are published.
    let next: RelayCheckpoint

    init(_ rows: Rows, next: RelayCheckpoint, by encoder: inout RelayEncoder) throws {
        records = try encoder.records(rows)
        self.rows = rows.count
        oldestTime = encoder.oldestTime
        self.next = next
    }

    /// The window that it is of has more.
    var isInWindow: Bool { next.reach != nil }

    /// Beyond so many bytes on their way, no others are held besides.
    private static let limit = 16 << 20

    /// It leaves room in memory for the one behind it.
    var isLight: Bool {
        var bytes = 0
        for index in records.indices {
            bytes += records[index].size
            if !records[index].copies.isEmpty {
                bytes += records[index].copies.reduce(0) { $0 + RecordSize.of($1.message) }
            }
            if bytes > Self.limit { return false }
        }
        return true
    }
}
