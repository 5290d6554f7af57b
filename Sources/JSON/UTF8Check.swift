/// UTF-8 as RFC 3629 §4 has it: shortest forms only, no surrogates, nothing above U+10FFFF.
public enum UTF8Check {
    /// Whether all of `bytes` is UTF-8.
    public static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let count = bytes.count
        var position = 0
        while position < count {
            // Most text is ASCII: eight bytes at a time.
            if position + 8 <= count,
                base.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            {
                position += 8
            } else if base.load(fromByteOffset: position, as: UInt8.self) < 0x80 {
                position += 1
            } else if let length = length(base, position, count) {
                position += length
            } else {
                return false
            }
        }
        return true
    }

    /// Whether all of `bytes` is ASCII that stands in a JSON string as it is: no quote, no backslash, no control character.
    package static func isPlain(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let count = bytes.count
        var position = 0
        while position &+ 8 <= count {
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            guard JSONReader.specialBytes(word) == 0 else { return false }
            position &+= 8
        }
        while position < count {
            switch base.load(fromByteOffset: position, as: UInt8.self) {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20, 0x80...: return false
            default: position &+= 1
            }
        }
        return true
    }

    /// Length of the multi-byte sequence at `position`; nil when it is none.
    static func length(_ base: UnsafeRawPointer, _ position: Int, _ count: Int) -> Int? {
        func tail(_ index: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            position + index < count && range.contains(base.load(fromByteOffset: position + index, as: UInt8.self))
        }
        switch base.load(fromByteOffset: position, as: UInt8.self) {
        case 0xC2...0xDF: return tail(1) ? 2 : nil
        case 0xE0: return tail(1, 0xA0...0xBF) && tail(2) ? 3 : nil
        case 0xED: return tail(1, 0x80...0x9F) && tail(2) ? 3 : nil
        case 0xE1...0xEF: return tail(1) && tail(2) ? 3 : nil
        case 0xF0: return tail(1, 0x90...0xBF) && tail(2) && tail(3) ? 4 : nil
        case 0xF1...0xF3: return tail(1) && tail(2) && tail(3) ? 4 : nil
        case 0xF4: return tail(1, 0x80...0x8F) && tail(2) && tail(3) ? 4 : nil
        default: return nil
        }
    }
}
