/// Reads bytes that it doesn't own, front to back. Nothing is read past the end, and no length is believed before it is
/// held against what there is.
struct ByteReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var position: Int

    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    var isAtEnd: Bool { position >= bytes.count }
    var remaining: Int { max(0, bytes.count - position) }

    /// What isn't read yet.
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[min(position, bytes.count)...]) }

    mutating func byte() throws(WireFormatError) -> UInt8 {
        guard position < bytes.count else { throw Self.tooShort }
        defer { position &+= 1 }
        return bytes[position]
    }

    /// Seven bits a byte, the lowest first, at most 64 bits in ten bytes (Protocol Buffers, "Encoding: Base 128 Varints";
    /// Avro, "Primitive Types").
    mutating func varint() throws(WireFormatError) -> UInt64 {
        // Lengths and tags are nearly all of one byte.
        if position < bytes.count, bytes[position] < 0x80 {
            defer { position &+= 1 }
            return UInt64(bytes[position])
        }
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            // The tenth byte has room for one bit.
            guard shift < 63 || next <= 1 else { throw WireFormatError("has a number of more than 64 bits") }
            value |= UInt64(next & 0x7F) &<< shift
            if next < 0x80 { return value }
            shift &+= 7
        }
    }

    /// A signed number whose sign is the lowest bit: 0, -1, 1, -2 … as 0, 1, 2, 3 ….
    mutating func zigzag() throws(WireFormatError) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1)))
    }

    mutating func take(_ count: UInt64) throws(WireFormatError) -> UnsafeRawBufferPointer {
        guard let count = Int(exactly: count), count <= remaining else { throw Self.tooShort }
        defer { position &+= count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<(position &+ count)])
    }

    /// The least significant byte first.
    mutating func fixed64() throws(WireFormatError) -> UInt64 {
        UInt64(littleEndian: try take(8).loadUnaligned(as: UInt64.self))
    }

    mutating func fixed32() throws(WireFormatError) -> UInt32 {
        UInt32(littleEndian: try take(4).loadUnaligned(as: UInt32.self))
    }

    private static let tooShort = WireFormatError("ends too early")
}
