import Hashing

/// UUIDs as the lowercase text that keys, columns and JSON carry (RFC 9562).
public enum UUIDText {
    /// A time-ordered UUIDv7 (RFC 9562 §5.7): new rows land at the right edge of their index.
    public static func v7(microseconds: Int64) -> String {
        var generator = SystemRandomNumberGenerator()
        return v7(microseconds: microseconds, random: &generator)
    }

    static func v7(microseconds: Int64, random: inout some RandomNumberGenerator) -> String {
        // The 12 bits of rand_a carry the fraction of the millisecond (§6.2 method 3), so ids of one process sort finely.
        let (milliseconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1000)
        let fraction = UInt64(max(rest, 0)) * 4096 / 1000
        let high = UInt64(truncatingIfNeeded: milliseconds) << 16 | 0x7000 | fraction
        let low = random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return text(high, low)
    }

    /// A name-based UUIDv5 (RFC 9562 §5.5): the same name gives the same id for ever.
    public static func v5(namespace: String = "orderflow", name: String) -> String {
        let (high, low) = words(Digest.sha1.hash(Array(namespace.utf8) + [0] + Array(name.utf8)))
        return text(high & ~0xF000 | 0x5000, low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }

    /// A UUIDv8 (RFC 9562 §5.8) of the first 16 bytes of a code or a hash: which makes it is its maker's affair.
    public static func v8(_ bytes: some Sequence<UInt8>) -> String {
        let (high, low) = words(bytes)
        return text(high & ~0xF000 | 0x8000, low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }

    private static func words(_ bytes: some Sequence<UInt8>) -> (high: UInt64, low: UInt64) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, byte) in bytes.prefix(16).enumerated() {
            if index < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt64(byte) }
        }
        return (high, low)
    }

    private static func text(_ high: UInt64, _ low: UInt64) -> String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            func put(_ value: UInt64, digits: Int) {
                var shift = (digits - 1) * 4
                while shift >= 0 {
                    let nibble = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 0xF
                    buffer[position] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
                    position += 1
                    shift -= 4
                }
            }
            func dash() {
                buffer[position] = 0x2D
                position += 1
            }
            put(high >> 32, digits: 8)
            dash()
            put(high >> 16 & 0xFFFF, digits: 4)
            dash()
            put(high & 0xFFFF, digits: 4)
            dash()
            put(low >> 48, digits: 4)
            dash()
            put(low & 0xFFFF_FFFF_FFFF, digits: 12)
            return position
        }
    }
}
