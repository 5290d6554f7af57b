import Foundation
import Glibc
import JSON

/// What an import has done so far, a line a batch, in a file beside the one that is imported. It saves a second run the
/// sending; that nothing is doubled is the business of the keys, which need no journal.
final class ImportJournal {
    /// Which import it is of.
    struct Header: Hashable, Sendable {
        let key: String
        let digest: String
        let url: String
        let tenant: String
    }

    /// One batch that is done.
    struct Entry: Hashable, Sendable {
        let chunk: Int
        let accepted: Int
        let refused: Int
        let batchIDs: [String]
        /// Of the file of rejected records, with those of this batch.
        let rejectedBytes: Int64
        /// Of the input.
        let offset: Int64
    }

    private static let formatVersion: Int64 = 1

    let path: String
    private let file: Int32
    /// Those of earlier runs, in order and without a gap.
    let earlier: [Entry]

    /// Opens the journal of an import, or begins one.
    ///
    /// - Parameter isNew: whether what is there is of no interest: then it is begun anew.
    init(_ path: String, _ header: Header, isNew: Bool) throws(ImportError) {
        self.path = path
        let (found, entries, length) = try isNew ? (nil, [], 0) : Self.read(path)
        let isKnown = found == header
        earlier = isKnown ? entries : []
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0o644)
        guard file >= 0, ftruncate(file, off_t(isKnown ? length : 0)) == 0 else {
            throw ImportError("\(path): \(String(cString: strerror(errno)))")
        }
        if !isKnown { try append(Self.line(header)) }
    }

    deinit { if file >= 0 { close(file) } }

    /// The import that the journal at `path` is of; nil without one.
    static func header(at path: String) throws(ImportError) -> Header? { try read(path).header }

    /// Takes down a batch that is done.
    func append(_ entry: Entry) throws(ImportError) {
        var json = JSONWriter(capacity: 192)
        json.object { json in
            json.field("chunk", entry.chunk)
            json.field("accepted", entry.accepted)
            json.field("refused", entry.refused)
            json.key("batches")
            json.array { json in for id in entry.batchIDs { json.value(id) } }
            json.field("rejectedBytes", entry.rejectedBytes)
            json.field("offset", entry.offset)
        }
        try append(json.bytes)
    }

    private func append(_ line: [UInt8]) throws(ImportError) {
        try Self.write(line + [0x0A], to: file, path)
    }

    static func write(_ bytes: [UInt8], to file: Int32, _ path: String) throws(ImportError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { source in
                source.baseAddress.map { Glibc.write(file, $0 + written, source.count - written) } ?? 0
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw ImportError("\(path): \(String(cString: strerror(errno)))") }
            written += count
        }
    }

    // MARK: Reading

    /// Up to the first line that isn't whole, or doesn't follow: the process was killed, or the machine.
    private static func read(
        _ path: String
    ) throws(ImportError) -> (header: Header?, entries: [Entry], length: Int) {
        let bytes: [UInt8]
        do {
            bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            // One that can't be read though it is there is found out by opening it.
            return (nil, [], 0)
        }
        var header: Header?
        var entries: [Entry] = []
        var length = 0
        var start = 0
        while let end = bytes[start...].firstIndex(of: 0x0A) {
            guard let line = try? JSONValue(parsing: Array(bytes[start..<end])) else { break }
            if header == nil {
                guard line["import"]?.int64 == formatVersion, let key = line["key"]?.string,
                    let digest = line["digest"]?.string, let url = line["url"]?.string,
                    let tenant = line["tenant"]?.string
                else { throw ImportError("\(path) is something else than the journal of an import: move it away") }
                header = Header(key: key, digest: digest, url: url, tenant: tenant)
            } else {
                guard let entry = entry(line), entry.chunk == entries.count else { break }
                entries.append(entry)
            }
            start = end + 1
            length = start
        }
        guard header != nil || bytes.isEmpty || length == 0 && bytes.starts(with: Array(#"{"import""#.utf8)) else {
            throw ImportError("\(path) is something else than the journal of an import: move it away")
        }
        return (header, entries, length)
    }

    private static func entry(_ line: JSONValue) -> Entry? {
        guard let chunk = line["chunk"]?.int64, let accepted = line["accepted"]?.int64,
            let refused = line["refused"]?.int64, let batches = line["batches"]?.array,
            let rejectedBytes = line["rejectedBytes"]?.int64, let offset = line["offset"]?.int64
        else { return nil }
        return Entry(
            chunk: Int(chunk), accepted: Int(accepted), refused: Int(refused),
            batchIDs: batches.compactMap(\.string), rejectedBytes: rejectedBytes, offset: offset)
    }

    private static func line(_ header: Header) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("import", formatVersion)
            json.field("key", header.key)
            json.field("digest", header.digest)
            json.field("url", header.url)
            json.field("tenant", header.tenant)
        }
        return json.bytes
    }
}
