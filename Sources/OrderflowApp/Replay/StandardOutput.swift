import Glibc
import Telemetry

/// Stdout in large pieces.
struct StandardOutput {
    /// The reader has gone, as `head` does: no error.
    struct ReaderGone: Error {}

    private static let pieceSize = 256 << 10
    private let file: Int32
    var bytes: [UInt8] = []

    init(file: Int32 = STDOUT_FILENO) {
        self.file = file
        bytes.reserveCapacity(Self.pieceSize + (64 << 10))
    }

    /// One line of JSON, with nothing in it that a terminal would obey.
    mutating func append(json write: (inout [UInt8]) -> Void) {
        let start = bytes.count
        write(&bytes)
        PrintableText.escape(json: &bytes, from: start)
    }

    /// Writes when a piece is full.
    mutating func flushIfFull() throws { if bytes.count >= Self.pieceSize { try flush() } }

    mutating func flush() throws {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { write(file, $0.baseAddress.map { $0 + written }, $0.count - written) }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EPIPE { throw ReaderGone() }
                throw ReplayError("stdout: \(String(cString: strerror(errno)))")
            }
            written += count
        }
        bytes.removeAll(keepingCapacity: true)
    }
}
