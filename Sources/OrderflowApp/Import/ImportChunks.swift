/// Records that go out as one batch.
struct ImportChunk: Sendable {
    /// From 0.
    let number: Int
    let records: [ImportRecord]
    /// Bytes of the input up to its end.
    let offset: Int64

    /// Orders of a batch, and their bytes. Both belong to what an import is, as its key does: where the batches of a file
    /// began elsewhere, its orders would get other ids, and a second run would make all of them a second time.
    static let recordLimit = 1_000
    static let byteLimit = 4 << 20
}

/// The chunks of a file, one after the other.
final class ImportChunks {
    private let reader: ImportReader
    private var held: ImportRecord?
    private var number = 0
    private var isOver = false

    init(_ reader: ImportReader) { self.reader = reader }

    /// Of the input; nil where nobody knows.
    var size: Int64? { reader.size }
    /// Of the whole input, once it is read.
    var digest: String { reader.digest }

    func next() throws -> ImportChunk? {
        var records: [ImportRecord] = []
        var bytes = 0
        while !isOver, records.count < ImportChunk.recordLimit {
            var record = held
            held = nil
            if record == nil { record = try reader.next() }
            guard let record else {
                isOver = true
                break
            }
            guard records.isEmpty || bytes + record.json.count < ImportChunk.byteLimit else {
                held = record
                break
            }
            bytes += record.json.count + 1
            records.append(record)
        }
        guard !records.isEmpty else { return nil }
        defer { number += 1 }
        return ImportChunk(number: number, records: records, offset: reader.offset)
    }
}
