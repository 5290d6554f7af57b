/// The escapes of RFC 8259 §7.
enum StringEscapes {
    struct Flaw: Error {
        let reason: String
        let offset: Int
    }

    /// Decodes the content of a string. Its UTF-8 has been checked.
    static func decode(_ content: UnsafeRawBufferPointer) throws(Flaw) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(content.count)
        var index = 0
        while index < content.count {
            let byte = content[index]
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                index += 1
                continue
            }
            guard index + 1 < content.count else { throw Flaw(reason: "has an unfinished escape", offset: index) }
            let escape = content[index + 1]
            if escape == UInt8(ascii: "u") {
                let (scalar, length) = try unicode(content, at: index)
                bytes.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
                index += length
                continue
            }
            guard let plain = Self.plain(escape) else { throw Flaw(reason: "has an unknown escape", offset: index) }
            bytes.append(plain)
            index += 2
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func plain(_ escape: UInt8) -> UInt8? {
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): escape
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }

    private static func unicode(
        _ content: UnsafeRawBufferPointer, at index: Int
    ) throws(Flaw) -> (Unicode.Scalar, length: Int) {
        let first = try hex(content, at: index)
        if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
        // A surrogate: only a high one with a low one behind it makes a character.
        let flaw = Flaw(reason: "has half of a surrogate pair", offset: index)
        guard first < 0xDC00, index + 7 < content.count, content[index + 6] == UInt8(ascii: "\\"),
            content[index + 7] == UInt8(ascii: "u")
        else { throw flaw }
        let second = try hex(content, at: index + 6)
        guard second >= 0xDC00, second <= 0xDFFF,
            let scalar = Unicode.Scalar(0x10000 + (UInt32(first - 0xD800) << 10) + UInt32(second - 0xDC00))
        else { throw flaw }
        return (scalar, 12)
    }

    private static func hex(_ content: UnsafeRawBufferPointer, at index: Int) throws(Flaw) -> UInt16 {
        guard index + 6 <= content.count else { throw Flaw(reason: "has an unfinished escape", offset: index) }
        var value: UInt16 = 0
        for byte in content[(index + 2)..<(index + 6)] {
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x37
            case 0x61...0x66: digit = byte - 0x57
            default: throw Flaw(reason: "has an escape with a wrong hex digit", offset: index)
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }
}
