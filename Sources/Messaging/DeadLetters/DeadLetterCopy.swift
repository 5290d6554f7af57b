/// A dead letter as it goes out on `<topic>.<group>.dlt`: the bytes that came in, and headers that say where from and
/// why. The letter itself is whole in the database; of what a record has no room for, the copy says that it was left
/// out, and how large it was.
struct DeadLetterCopy {
    /// The record's, as text that no other key has.
    let key: String
    private(set) var headers: [LetterHeaders.Header]
    private(set) var value: [UInt8]

    /// Bytes of the record's own headers that are always kept, the smallest first, before its value is left out.
    private static let headerShare = 65_536
    /// Longest key that is sent along as the bytes that it is.
    private static let keyLimit = 4_096

    /// - Parameter limit: of the whole record, in bytes.
    init(_ record: ConsumedRecord, group: String, _ verdict: DeadLetters.Verdict, limit: Int = RecordSize.limit) {
        var own: [LetterHeaders.Header] = [
            ("orderflow_group", group), ("orderflow_topic", record.source.topic),
            ("orderflow_partition", String(record.source.partition)),
            ("orderflow_offset", String(record.source.offset)),
            ("orderflow_attempts", String(verdict.attempts)), ("orderflow_error", DeadLetters.stored(verdict.error)),
        ].map { (name: $0, value: Array($1.utf8)) }
        let key = record.parkingKey.key
        if let bytes = record.recordKey, bytes.count <= Self.keyLimit, !bytes.elementsEqual(key.utf8) {
            own.append((name: "orderflow_key", value: bytes))
        }
        self.init(
            key: key, value: record.value ?? [],
            theirs: LetterHeaders.all(of: record.record).filter { !$0.name.hasPrefix("orderflow_") }, own: own,
            limit: limit)
    }

    init(
        key: String, value: [UInt8], theirs: [LetterHeaders.Header], own: [LetterHeaders.Header],
        limit: Int = RecordSize.limit
    ) {
        var own = own
        var theirs = theirs
        var room = limit - key.utf8.count - RecordSize.of(own) - Self.notes
        self.key = key
        self.value = value
        if value.count + RecordSize.of(theirs) > room {
            let share = max(Self.headerShare, room - value.count)
            let left = Self.cut(&theirs, to: min(share, room))
            if !left.isEmpty {
                let bytes = left.reduce(0) { $0 + $1.value.count }
                own.append(
                    (
                        name: "orderflow_headers_truncated",
                        value: Array("\(left.count) headers of \(bytes) bytes left out".utf8)
                    ))
            }
            room -= RecordSize.of(theirs)
            if value.count > room {
                self.value = []
                own.append((name: "orderflow_truncated", value: Array(String(value.count).utf8)))
            }
        }
        headers = theirs + own
    }

    /// Room for what is said of what was left out.
    private static let notes = 256

    /// Takes out the largest headers until the others have `limit` bytes at most; returns what was taken out.
    private static func cut(_ headers: inout [LetterHeaders.Header], to limit: Int) -> [LetterHeaders.Header] {
        var size = RecordSize.of(headers)
        var out: Set<Int> = []
        for index in headers.indices.sorted(by: { headers[$0].value.count > headers[$1].value.count }) {
            if size <= limit { break }
            size -= RecordSize.of([headers[index]])
            out.insert(index)
        }
        let left = headers.indices.filter { out.contains($0) }.map { headers[$0] }
        headers = headers.indices.filter { !out.contains($0) }.map { headers[$0] }
        return left
    }
}
