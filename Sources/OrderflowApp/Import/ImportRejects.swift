import Glibc
import JSON

/// The records that were refused, in a file of JSON lines that can be mended and imported: each is the order as it was
/// sent, with a member `rejected` that says where it stood and why it is there.
final class ImportRejects {
    let path: String
    private var file: Int32 = -1
    /// Bytes of the file.
    private(set) var size: Int64 = 0

    /// - Parameter size: of the file, as the journal has it; what is behind that is written again.
    init(_ path: String, size: Int64) throws(ImportError) {
        self.path = path
        self.size = size
        if size > 0 { try open() }
    }

    deinit { if file >= 0 { close(file) } }

    /// Bytes of the file that is there.
    static func size(at path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    func append(
        _ refused: [(record: ImportRecord, refusal: ImportAnswer.Refusal)]
    ) throws(ImportError) {
        guard !refused.isEmpty else { return }
        if file < 0 { try open() }
        var lines: [UInt8] = []
        for (record, refusal) in refused { lines += Self.line(record, refusal) + [0x0A] }
        try ImportJournal.write(lines, to: file, path)
        size += Int64(lines.count)
    }

    private func open() throws(ImportError) {
        file = Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0o644)
        guard file >= 0, ftruncate(file, off_t(size)) == 0 else {
            throw ImportError("\(path): \(String(cString: strerror(errno)))")
        }
    }

    static func line(_ record: ImportRecord, _ refusal: ImportAnswer.Refusal) -> [UInt8] {
        let order = record.flaw == nil ? (try? JSONValue(parsing: record.json))?.object : nil
        var json = JSONWriter(capacity: 256)
        json.object { json in
            for member in order?.members ?? [] where member.name != "rejected" {
                json.key(dynamic: member.name)
                json.value(member.value)
            }
            json.key("rejected")
            json.object { json in
                json.key(dynamic: record.place.unit.rawValue)
                json.value(record.place.number)
                json.field("reason", record.flaw ?? refusal.reason)
                if record.flaw == nil {
                    json.field("status", refusal.status)
                    json.field("pointer", refusal.pointer)
                }
                if order == nil {
                    json.field("text", String(decoding: record.flaw == nil ? record.json : record.text, as: UTF8.self))
                }
            }
        }
        return json.bytes
    }
}
