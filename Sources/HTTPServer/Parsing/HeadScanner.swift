import Glibc

/// Finds the end of a request head in bytes that arrive in pieces, looking at each byte once, and applies the
/// limits before more is buffered. What the lines mean is `RequestHead`'s business.
package struct HeadScanner {
    private var position = 0
    private var lineStart = 0
    private(set) var lineCount = 0
    /// Length of the first line without its CRLF.
    package private(set) var requestLineLength = 0

    package init() {}

    /// Looks at `count` bytes, of which earlier calls saw a prefix. Returns the head's length, its empty line included,
    /// or nil when it hasn't ended.
    package mutating func advance(
        _ bytes: UnsafePointer<UInt8>, count: Int, limits: HTTPServerConfiguration.Limits
    ) throws(Refusal) -> Int? {
        while let found = memchr(bytes + position, 0x0A, count - position) {
            let newline = UnsafeRawPointer(bytes).distance(to: UnsafeRawPointer(found))
            guard newline > lineStart, bytes[newline - 1] == 0x0D else {
                throw Refusal(.badRequest, "a line ends in LF without CR")
            }
            let length = newline - 1 - lineStart
            position = newline + 1
            if lineCount == 0 {
                if length > limits.requestLineBytes { throw Refusal(.uriTooLong, "the request line is too long") }
                if length == 0 { throw Refusal(.badRequest, "the request line is empty") }
                requestLineLength = length
            } else if length == 0 {
                if position > limits.headBytes { throw Self.headTooLarge }
                return position
            } else if lineCount > limits.headerCount {
                throw Refusal(.headerFieldsTooLarge, "too many header fields")
            }
            lineCount += 1
            lineStart = position
            if position > limits.headBytes { throw Self.headTooLarge }
        }
        position = count
        // One more for the CR that may already be there.
        if lineCount == 0, count > limits.requestLineBytes + 1 {
            throw Refusal(.uriTooLong, "the request line is too long")
        }
        if count > limits.headBytes { throw Self.headTooLarge }
        return nil
    }

    private static let headTooLarge = Refusal(.headerFieldsTooLarge, "the request head is too large")
}
