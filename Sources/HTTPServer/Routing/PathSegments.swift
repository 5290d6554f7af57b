/// The segments of a request path, each decoded once. One instance serves all requests of a loop, one after the other.
struct PathSegments: ~Copyable {
    private var segments: [UnsafeBufferPointer<UInt8>] = []
    private let decoded: UnsafeMutablePointer<UInt8>
    private let capacity: Int

    init(pathLimit: Int) {
        capacity = pathLimit
        decoded = .allocate(capacity: pathLimit)
        segments.reserveCapacity(16)
    }

    deinit { decoded.deallocate() }

    var count: Int { segments.count }
    /// Points into the request head or, for a segment that had escapes, into this value's own buffer.
    subscript(_ index: Int) -> UnsafeBufferPointer<UInt8> { segments[index] }

    /// Splits a raw path, which starts with `/` or is empty, and then decodes: a slash or dots that were escaped are
    /// data like any other. Paths name no files here and nothing is ever taken out of them, so a dot segment leads
    /// nowhere but to a parameter. What decodes to a control character or bad UTF-8 is refused.
    mutating func split(_ path: UnsafeBufferPointer<UInt8>) throws(Refusal) {
        segments.removeAll(keepingCapacity: true)
        guard path.count > 1 else { return }
        var used = 0
        var start = 1
        while start <= path.count {
            var end = start
            var isEscaped = false
            while end < path.count, path[end] != UInt8(ascii: "/") {
                if path[end] == UInt8(ascii: "%") { isEscaped = true }
                end += 1
            }
            var segment = UnsafeBufferPointer(rebasing: path[start..<end])
            if isEscaped {
                precondition(used + segment.count <= capacity, "a path longer than the request line's limit")
                guard let length = PercentEncoding.decode(segment, to: decoded + used, plusIsSpace: false) else {
                    throw Refusal(.badRequest, "the path has a malformed escape")
                }
                segment = UnsafeBufferPointer(start: decoded + used, count: length)
                used += length
                guard segment.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
                    String(validating: segment, as: UTF8.self) != nil
                else { throw Refusal(.badRequest, "the path has an escape that isn't allowed") }
            }
            segments.append(segment)
            start = end + 1
        }
    }
}
