// What both formats are made of.

extension [UInt8] {
    mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func appendZigzag(_ value: Int64) {
        appendVarint(UInt64(bitPattern: (value &<< 1) ^ (value >> 63)))
    }

    mutating func appendFixed64(_ value: UInt64) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// Leaves room for a number that is known when what follows it is written. Returns where.
    mutating func reserveVarint() -> Int {
        append(0)
        return count &- 1
    }

    /// Writes a number where room was left for it: nearly always one byte; for more of them, what follows moves.
    mutating func setVarint(_ value: UInt64, at place: Int) {
        guard value >= 0x80 else {
            self[place] = UInt8(truncatingIfNeeded: value)
            return
        }
        var bytes: [UInt8] = []
        bytes.appendVarint(value)
        replaceSubrange(place..<(place + 1), with: bytes)
    }

    /// The number of bytes behind the room that was left for it.
    mutating func setLength(at place: Int) { setVarint(UInt64(count &- place &- 1), at: place) }
}
