import Glibc

/// Bytes received and not yet consumed. An idle connection has none allocated.
struct InputBuffer: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>?
    private var capacity = 0
    private var start = 0
    private var end = 0

    static let initialCapacity = 4 << 10

    init() {}

    deinit { base?.deallocate() }

    var count: Int { end - start }
    var isEmpty: Bool { end == start }

    /// The first unconsumed byte. Only while the buffer isn't empty, until the next call that changes it.
    var bytes: UnsafeMutablePointer<UInt8> {
        guard let base else { preconditionFailure("no bytes in an empty buffer") }
        return base + start
    }

    func beginsWith(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        return count >= length && memcmp(bytes, text.utf8Start, length) == 0
    }

    enum Outcome { case received(Int, drained: Bool), end, wouldBlock, failed }

    /// Reads once from `socket`. A read that didn't fill the room has drained the socket (epoll(7), "Questions and
    /// answers" 9), which saves the read that would only say EAGAIN.
    ///
    /// - Parameter least: bytes that there is to be room for.
    mutating func receive(from socket: Int32, atLeast least: Int = initialCapacity / 2) -> Outcome {
        let target = makeRoom(least)
        let room = capacity - end
        while true {
            let received = recv(socket, target, room, 0)
            if received > 0 {
                end += received
                return .received(received, drained: received < room)
            }
            if received == 0 { return .end }
            if errno == EINTR { continue }
            return errno == EAGAIN || errno == EWOULDBLOCK ? .wouldBlock : .failed
        }
    }

    mutating func consume(_ length: Int) {
        start += length
        assert(start <= end)
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Forgets the last `length` bytes.
    mutating func dropLast(_ length: Int) { end -= length }

    /// Gives the memory back when nothing is in it.
    mutating func releaseIfEmpty() {
        guard isEmpty, let base else { return }
        base.deallocate()
        self.base = nil
        capacity = 0
        start = 0
        end = 0
    }

    /// Where at least so many bytes are free. The parser's limits bound the growth.
    private mutating func makeRoom(_ least: Int) -> UnsafeMutablePointer<UInt8> {
        if let base, capacity - end >= least { return base + end }
        let isMovable = start > 0 && capacity - count >= least
        if let base, isMovable {
            memmove(base, base + start, count)
        } else {
            let grown = max(Self.initialCapacity, capacity * 2, count + least)
            let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: grown)
            if let base {
                memcpy(memory, base + start, count)
                base.deallocate()
            }
            base = memory
            capacity = grown
        }
        end = count
        start = 0
        guard let base else { preconditionFailure("allocated above") }
        return base + end
    }
}
