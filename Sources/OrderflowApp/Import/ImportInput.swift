import Glibc
import Hashing

/// The bytes of a file or of stdin, in blocks, and what tells them from others.
final class ImportInput {
    private let file: Int32
    private let name: String
    private let isOwn: Bool
    /// Bytes read so far.
    private(set) var count: Int64 = 0
    /// Of a file: a digest over the digests of its blocks.
    private var chain: [UInt8] = []

    private static let blockSize = 1 << 20

    /// - Parameter path: nil for stdin.
    init(_ path: String?) throws(ImportError) {
        name = path ?? "stdin"
        isOwn = path != nil
        file = path.map { open($0, O_RDONLY | O_CLOEXEC) } ?? STDIN_FILENO
        guard file >= 0 else { throw ImportError("\(name): \(String(cString: strerror(errno)))") }
    }

    deinit { if isOwn, file >= 0 { close(file) } }

    /// Bytes that the file has; nil for what has no size, such as a pipe.
    var size: Int64? {
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }

    /// What the blocks read so far are known by.
    var digest: String { Hexadecimal.text(chain.prefix(16)) }

    /// The next block; empty at the end. Of a file all blocks but the last have the same size, and so a digest that
    /// doesn't depend on how they were read; a pipe gives what it has.
    func next() throws(ImportError) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.blockSize)
        var filled = 0
        while filled < block.count {
            let received = block.withUnsafeMutableBytes { bytes in
                bytes.baseAddress.map { read(file, $0 + filled, bytes.count - filled) } ?? 0
            }
            if received < 0 {
                if errno == EINTR { continue }
                throw ImportError("\(name): \(String(cString: strerror(errno)))")
            }
            if received == 0 { break }
            filled += received
            if !isOwn { break }
        }
        block.removeSubrange(filled...)
        count += Int64(filled)
        if isOwn, !block.isEmpty { chain = Digest.sha256.hash(chain + Digest.sha256.hash(block)) }
        return block
    }

    /// The digest of a whole file.
    static func digest(of path: String) throws(ImportError) -> String {
        let input = try ImportInput(path)
        while try !input.next().isEmpty {}
        return input.digest
    }
}
