import Glibc

/// Decodes a chunked body in place (RFC 9112 §7.1): content moves down over the chunk lines, so that it ends up in
/// one piece after the head and never needs a second buffer. Chunk extensions are read by
/// the letter, bounded in sum, and ignored (§7.1.1).
struct ChunkedDecoder {
    private enum State {
        case size, content(remaining: Int), contentEnd, trailer, done
    }

    private var state = State.size
    private var trailerLines = 0
    private var trailerBytes = 0
    private var extensionBytes = 0
    /// Bytes of content so far, counted from where the body starts.
    private(set) var decoded = 0
    /// Bytes of content that were taken away before those.
    private var dropped = 0
    /// First byte not yet looked at, counted from where the body starts.
    private(set) var consumed = 0

    /// Goes on with `count` bytes from the body's start, of which the first `consumed` were seen before.
    /// Returns true when the body is complete; the next request starts at `consumed`.
    mutating func advance(
        _ bytes: UnsafeMutablePointer<UInt8>, count: Int, bodyLimit: Int, limits: HTTPServerConfiguration.Limits
    ) throws(Refusal) -> Bool {
        while true {
            switch state {
            case .size:
                let rest = UnsafeBufferPointer(start: bytes + consumed, count: count - consumed)
                guard rest.prefix(while: { ByteSet.hexValue($0) != nil }).count <= limits.chunkLineBytes else {
                    throw Self.lineTooLong
                }
                let longest = limits.chunkLineBytes + limits.chunkExtensionBytes - extensionBytes
                guard let line = try line(bytes, count: count, limit: longest, beyond: Self.lineTooLong) else {
                    return false
                }
                let size = try readSize(line, limits)
                if size > bodyLimit - decoded - dropped { throw Refusal(.contentTooLarge, "the body is too large") }
                state = size == 0 ? .trailer : .content(remaining: size)
            case .content(let remaining):
                let available = min(remaining, count - consumed)
                if available > 0 {
                    memmove(bytes + decoded, bytes + consumed, available)
                    decoded += available
                    consumed += available
                }
                guard available == remaining else {
                    state = .content(remaining: remaining - available)
                    return false
                }
                state = .contentEnd
            case .contentEnd:
                guard count - consumed >= 1 else { return false }
                guard bytes[consumed] == 0x0D else { throw Self.malformed }
                guard count - consumed >= 2 else { return false }
                guard bytes[consumed + 1] == 0x0A else { throw Self.malformed }
                consumed += 2
                state = .size
            case .trailer:
                guard
                    let line = try line(bytes, count: count, limit: limits.trailerBytes, beyond: Self.trailersTooLarge)
                else { return false }
                if line.isEmpty {
                    state = .done
                    return true
                }
                trailerLines += 1
                trailerBytes += line.count + 2
                if trailerLines > limits.trailerLines || trailerBytes > limits.trailerBytes {
                    throw Self.trailersTooLarge
                }
                try Self.checkTrailer(line)
            case .done:
                return true
            }
        }
    }

    /// Closes the gap between content and unseen bytes, so that many small chunks don't fill the buffer with their
    /// lines. Returns by how many bytes the end of the buffer moved down.
    mutating func compact(_ bytes: UnsafeMutablePointer<UInt8>, count: Int) -> Int {
        let gap = consumed - decoded
        if gap > 0 { memmove(bytes + decoded, bytes + consumed, count - consumed) }
        consumed = decoded
        return gap
    }

    /// The first bytes of the content were taken away, and the body starts behind them.
    mutating func drop(_ count: Int) {
        decoded -= count
        consumed -= count
        dropped += count
    }

    /// The next line without its CRLF, and steps over it; nil when it hasn't ended.
    private mutating func line(
        _ bytes: UnsafeMutablePointer<UInt8>, count: Int, limit: Int, beyond tooLong: Refusal
    ) throws(Refusal) -> UnsafeBufferPointer<UInt8>? {
        let start = consumed
        guard let found = memchr(bytes + start, 0x0A, min(count - start, limit + 2)) else {
            if count - start >= limit + 2 { throw tooLong }
            return nil
        }
        let newline = UnsafeRawPointer(bytes).distance(to: UnsafeRawPointer(found))
        guard newline > start, bytes[newline - 1] == 0x0D else {
            throw Refusal(.badRequest, "a chunk line ends in LF without CR")
        }
        consumed = newline + 1
        return UnsafeBufferPointer(start: bytes + start, count: newline - 1 - start)
    }

    private mutating func readSize(
        _ line: UnsafeBufferPointer<UInt8>, _ limits: HTTPServerConfiguration.Limits
    ) throws(Refusal) -> Int {
        let digits = line.prefix { ByteSet.hexValue($0) != nil }
        guard !digits.isEmpty else { throw Self.malformed }
        extensionBytes += line.count - digits.count
        guard extensionBytes <= limits.chunkExtensionBytes else { throw Self.lineTooLong }
        guard ChunkExtensions.areValid(line[digits.endIndex...]) else { throw Self.malformed }
        return digits.reduce(0) { size, byte in
            size < 1 << 48 ? size << 4 | Int(ByteSet.hexValue(byte) ?? 0) : .max
        }
    }

    /// Trailers are read and dropped, but a malformed one is still an error.
    private static func checkTrailer(_ line: UnsafeBufferPointer<UInt8>) throws(Refusal) {
        let name = line.prefix { ByteSet.token.contains($0) }
        guard !name.isEmpty, name.endIndex < line.endIndex, line[name.endIndex] == UInt8(ascii: ":"),
            line[name.endIndex...].allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
        else { throw Refusal(.badRequest, "a trailer field is malformed") }
    }

    private static let trailersTooLarge = Refusal(.headerFieldsTooLarge, "the trailers are too large")
    private static let lineTooLong = Refusal(.badRequest, "a chunk line is too long")
    private static let malformed = Refusal(.badRequest, "the chunked body is malformed")
}
