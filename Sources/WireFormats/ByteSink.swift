import JSON

/// Bytes that are being written, in one piece of memory that grows. What is written last can be taken back and moved.
///
/// An array does the same, and looks at each step whether it has its memory for itself: with the dozens of pieces that a
/// payload has, that is most of the work.
struct ByteSink: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private(set) var capacity: Int
    private(set) var count = 0

    /// - Parameter capacity: that will probably do.
    init(capacity: Int) {
        self.capacity = max(capacity, Self.least)
        base = .allocate(byteCount: self.capacity, alignment: 1)
    }

    deinit { base.deallocate() }

    private static let least = 64

    /// What has been written, valid while `body` runs.
    borrowing func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: base, count: count))
    }

    borrowing func array() -> [UInt8] { withBytes { Array($0) } }

    @inline(__always)
    private mutating func makeRoom(for more: Int) {
        if capacity &- count < more { grow(by: more) }
    }

    @inline(never)
    private mutating func grow(by more: Int) {
        capacity = max(2 * capacity, count + more)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
        larger.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = larger
    }

    // MARK: Bytes

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        makeRoom(for: 1)
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        makeRoom(for: bytes.count)
        (base + count).copyMemory(from: start, byteCount: bytes.count)
        count &+= bytes.count
    }

    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// What was written behind `count` is taken back.
    mutating func truncate(to count: Int) { self.count = min(self.count, max(0, count)) }

    /// Takes back what was written from `start` up to `end`; what is behind it moves.
    mutating func remove(from start: Int, to end: Int) {
        guard start >= 0, start <= end, end <= count else { return }
        (base + start).copyMemory(from: base + end, byteCount: count - end)
        count -= end - start
    }

    /// Writes again what stands from `start` up to `end`.
    mutating func repeatBytes(from start: Int, to end: Int) {
        guard start >= 0, start <= end, end <= count else { return }
        makeRoom(for: end - start)
        (base + count).copyMemory(from: base + start, byteCount: end - start)
        count += end - start
    }

    // MARK: Numbers

    @inline(__always)
    mutating func appendVarint(_ value: UInt64) {
        makeRoom(for: Self.varintLength)
        var rest = value
        while rest >= 0x80 {
            base.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: count, as: UInt8.self)
            count &+= 1
            rest >>= 7
        }
        base.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    private static let varintLength = 10

    mutating func appendZigzag(_ value: Int64) {
        appendVarint(UInt64(bitPattern: (value &<< 1) ^ (value >> 63)))
    }

    mutating func appendFixed64(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    /// Leaves room for a number that is known when what follows it is written. Returns where.
    mutating func reserveVarint() -> Int {
        append(0)
        return count &- 1
    }

    /// Writes a number where room was left for it: nearly always one byte; for more of them, what follows moves.
    mutating func setVarint(_ value: UInt64, at place: Int) {
        guard place >= 0, place < count else { return }
        var rest = value
        var length = 1
        while rest >= 0x80 {
            rest >>= 7
            length += 1
        }
        if length > 1 {
            makeRoom(for: length - 1)
            (base + place + length).copyMemory(from: base + place + 1, byteCount: count - place - 1)
            count += length - 1
        }
        rest = value
        for index in 0..<length {
            let more: UInt8 = index + 1 < length ? 0x80 : 0
            base.storeBytes(of: UInt8(rest & 0x7F) | more, toByteOffset: place + index, as: UInt8.self)
            rest >>= 7
        }
    }

    /// The number of bytes behind the room that was left for it.
    mutating func setLength(at place: Int) { setVarint(UInt64(max(0, count &- place &- 1)), at: place) }
}

// MARK: JSON

extension ByteSink {
    /// Appends a string in quotes; false, and nothing is appended, where `utf8` isn't UTF-8.
    mutating func appendText(_ utf8: UnsafeRawBufferPointer) -> Bool {
        if UTF8Check.isPlain(utf8) {
            append(UInt8(ascii: "\""))
            append(utf8)
            append(UInt8(ascii: "\""))
            return true
        }
        guard UTF8Check.isValid(utf8) else { return false }
        var quoted: [UInt8] = []
        JSONWriter.append(utf8: utf8, to: &quoted)
        quoted.withUnsafeBytes { append($0) }
        return true
    }

    mutating func appendNumber(_ number: Int64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: JSONWriter.numberLength) { buffer in
            let start = JSONWriter.write(number, into: buffer)
            append(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[start...])))
        }
    }

    /// False, and nothing is appended, for what no JSON number is.
    mutating func appendNumber(_ number: Double) -> Bool {
        guard var text = JSONScalars.text(of: number) else { return false }
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
        return true
    }

    /// - Parameter microseconds: since the Unix epoch.
    mutating func appendTime(_ microseconds: Int64) {
        append(UInt8(ascii: "\""))
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: RFC3339.textLength) { buffer in
            RFC3339.write(microseconds, into: buffer)
            append(UnsafeRawBufferPointer(UnsafeBufferPointer(buffer)))
        }
        append(UInt8(ascii: "\""))
    }

    /// Begins a member; its value must follow.
    ///
    /// - Parameter start: of the object, behind its brace.
    mutating func beginMember(_ place: Int, of plan: RecordPlan, objectStart start: Int) {
        if count > start { append(UInt8(ascii: ",")) }
        append(plan.names.member(place))
    }
}
