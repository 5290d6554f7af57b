import Glibc

/// Bytes to send, in one piece so that head and content leave in one system call.
struct OutputBuffer: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>?
    private var capacity = 0
    private var start = 0
    private var end = 0

    /// Beyond this the memory is given back once everything is sent.
    private static let keptCapacity = 64 << 10

    init() {}

    deinit { base?.deallocate() }

    var count: Int { end - start }
    var isEmpty: Bool { end == start }
    /// Memory that bytes to send keep from being given back.
    var heldBytes: Int { isEmpty ? 0 : capacity }

    @inline(__always)
    mutating func append(_ bytes: UnsafePointer<UInt8>, count length: Int) {
        guard length > 0 else { return }
        memcpy(reserve(length), bytes, length)
        end += length
    }

    @inline(__always)
    mutating func append(_ text: StaticString) { append(text.utf8Start, count: text.utf8CodeUnitCount) }

    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { if let base = $0.baseAddress { append(base, count: $0.count) } }
    }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { if let base = $0.baseAddress { append(base, count: $0.count) } }
    }

    /// As `append`, with control characters turned into spaces.
    mutating func appendFieldValue(_ text: String) {
        let length = text.utf8.count
        let target = reserve(length)
        append(text)
        for index in 0..<length where target[index] < 0x20 || target[index] == 0x7F { target[index] = 0x20 }
    }

    mutating func append(decimal value: Int) {
        assert(value >= 0)
        var rest = value
        var digits = 1
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        let target = reserve(digits)
        rest = value
        for index in stride(from: digits - 1, through: 0, by: -1) {
            target[index] = UInt8(48 + rest % 10)
            rest /= 10
        }
        end += digits
    }

    /// Appends everything of `other` and empties it.
    mutating func take(_ other: inout OutputBuffer) {
        if let bytes = other.base { append(bytes + other.start, count: other.count) }
        other.clear()
    }

    enum Outcome { case everything, some(Int), wouldBlock, failed }

    /// Sends once to `socket`.
    mutating func send(to socket: Int32) -> Outcome {
        guard let base, !isEmpty else { return .everything }
        while true {
            let sent = Glibc.send(socket, base + start, count, Int32(MSG_NOSIGNAL))
            if sent >= 0 {
                start += sent
                guard isEmpty else { return .some(sent) }
                clear()
                return .everything
            }
            if errno == EINTR { continue }
            return errno == EAGAIN || errno == EWOULDBLOCK ? .wouldBlock : .failed
        }
    }

    mutating func clear() {
        start = 0
        end = 0
        if capacity > Self.keptCapacity { release() }
    }

    /// Gives the memory back. Only when empty.
    mutating func release() {
        base?.deallocate()
        base = nil
        capacity = 0
        start = 0
        end = 0
    }

    private mutating func reserve(_ length: Int) -> UnsafeMutablePointer<UInt8> {
        if let base, capacity - end >= length { return base + end }
        let grown = max(4 << 10, capacity * 2, count + length)
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: grown)
        if let base {
            memcpy(memory, base + start, count)
            base.deallocate()
        }
        base = memory
        capacity = grown
        end = count
        start = 0
        return memory + end
    }
}
