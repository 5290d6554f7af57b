import Glibc

/// Decodes a chunked body in place (RFC 9112 §7.1): content moves down over the chunk lines, so that it ends up in
/// one piece after the head and never needs a second buffer. Chunk extensions are refused: nobody needs them, and
/// servers have read them differently.
struct ChunkedDecoder {
    private enum State {
        case size, content(remaining: Int), contentEnd, trailer, done
    }

    private var state = State.size
    private var trailerLines = 0
    private var trailerBytes = 0
    /// Bytes of content so far, counted from where the body starts.
    private(set) var decoded = 0
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
                let tooLong = Refusal(.badRequest, "a chunk line is too long")
                guard let line = try line(bytes, count: count, limit: limits.chunkLineBytes, beyond: tooLong) else {
                    return false
                }
                let size = try Self.parseSize(line)
                if size > bodyLimit - decoded { throw Refusal(.contentTooLarge, "the body is too large") }
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

    private static func parseSize(_ line: UnsafeBufferPointer<UInt8>) throws(Refusal) -> Int {
        guard !line.isEmpty else { throw malformed }
        var size = 0
        for byte in line {
            guard let digit = ByteSet.hexValue(byte) else { throw malformed }
            guard size < 1 << 48 else { return .max }
            size = size << 4 | Int(digit)
        }
        return size
    }

    /// Trailers are read and dropped, but a malformed one is still an error.
    private static func checkTrailer(_ line: UnsafeBufferPointer<UInt8>) throws(Refusal) {
        let name = line.prefix { ByteSet.token.contains($0) }
        guard !name.isEmpty, name.endIndex < line.endIndex, line[name.endIndex] == UInt8(ascii: ":"),
            line[name.endIndex...].allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
        else { throw Refusal(.badRequest, "a trailer field is malformed") }
    }

    private static let trailersTooLarge = Refusal(.headerFieldsTooLarge, "the trailers are too large")
    private static let malformed = Refusal(.badRequest, "the chunked body is malformed")
}
