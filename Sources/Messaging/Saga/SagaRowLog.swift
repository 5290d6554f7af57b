/// What has lately happened to an instance, in its own row: one record an input, the newest first.
///
/// A row that is rewritten on its page is logged by PostgreSQL without the bytes in which both versions begin and end
/// (heapam.c, `log_heap_update`). So the log is the last column and grows at its front: what it had is never logged again.
///
/// It is also how an instance knows a second record of an event: each fact has a record here, with no lines where it changed
/// nothing. What is too old for the row moves to `saga_log`, lines only (`SagaLog`).
struct SagaRowLog: Hashable, Sendable {
    /// Records as `SagaLogRecord` writes them.
    private(set) var bytes: [UInt8]

    /// Bytes beyond which older records leave the row. An order that goes well has 300, one that is undone 1 000.
    static let limit = 4096
    /// Bytes of the newest records that stay then: the last thirty facts or so.
    static let kept = 2048

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    /// A line of the history.
    struct Line: Hashable, Sendable {
        let version: Int
        /// Nil for an event that this version of the program doesn't know.
        let entry: SagaLogEntry?
    }

    /// Adds what one input did.
    ///
    /// - Parameters:
    ///   - entries: all of one time and cause; none for a fact that changed nothing.
    ///   - version: of the instance after it.
    ///   - heard: of the fact, where it was one.
    mutating func add(_ entries: [SagaLogEntry], cause: SagaCause, at: Int64, version: Int, heard: SagaHeard?) {
        bytes = SagaLogRecord.encoded(entries, cause: cause, at: at, version: version, heard: heard) + bytes
    }

    /// Whether one of the records is of the event.
    func hasHeard(_ heard: SagaHeard) -> Bool {
        var reader = SagaLogRecord.Reader(bytes)
        // What can't be read was heard of nowhere: the engine bears a repeated fact without being told (SagaEngine).
        while let record = try? reader.next() {
            if record.heard == heard { return true }
        }
        return false
    }

    /// The oldest first. Throws `SagaLogRecord.Malformed`.
    func lines() throws -> [Line] {
        var records: [SagaLogRecord] = []
        var reader = SagaLogRecord.Reader(bytes)
        while let record = try reader.next() { records.append(record) }
        return try records.reversed().flatMap { try $0.lines() }
    }

    /// Takes out the lines that have no room in the row any more, the oldest first; mostly none.
    mutating func takeOldest() -> [Line] {
        guard bytes.count > Self.limit else { return [] }
        do {
            var reader = SagaLogRecord.Reader(bytes)
            var end = 0
            while try reader.next() != nil, reader.position <= Self.kept { end = reader.position }
            let old = SagaRowLog(Array(bytes[end...]))
            let lines = try old.lines()
            // Another version of the program knows how to write them down.
            guard lines.allSatisfy({ $0.entry != nil }) else { return [] }
            bytes.removeSubrange(end...)
            return lines
        } catch {
            return []
        }
    }
}
