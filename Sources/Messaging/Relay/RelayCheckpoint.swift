/// Where a relay stands: every row that the snapshot `seen` sees is published, and of those that `reach` sees besides,
/// the rows up to `position`.
///
/// A snapshot is PostgreSQL's `pg_snapshot` as text: which transactions had ended at one moment.
struct RelayCheckpoint: Equatable {
    var seen: String
    /// The end of the window being published in pages; nil between windows.
    var reach: String?
    /// 0 between windows.
    var position: Int64 = 0
    /// Rows so far.
    var published: Int64 = 0
}
