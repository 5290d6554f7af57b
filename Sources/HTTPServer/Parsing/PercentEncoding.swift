/// Percent decoding (RFC 3986 §2.1).
enum PercentEncoding {
    /// Decodes `source` to `target`, which has room for as many bytes. Returns the decoded length, or nil when an
    /// escape is malformed.
    static func decode(
        _ source: UnsafeBufferPointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, plusIsSpace: Bool
    ) -> Int? {
        var read = 0
        var written = 0
        while read < source.count {
            var byte = source[read]
            if byte == UInt8(ascii: "%") {
                guard read + 2 < source.count, let high = ByteSet.hexValue(source[read + 1]),
                    let low = ByteSet.hexValue(source[read + 2])
                else { return nil }
                byte = high << 4 | low
                read += 3
            } else {
                if plusIsSpace, byte == UInt8(ascii: "+") { byte = 0x20 }
                read += 1
            }
            target[written] = byte
            written += 1
        }
        return written
    }

    /// A decoded query key or value; nil for a malformed escape, bad UTF-8 or a control character.
    static func decodeQuery(_ source: UnsafeBufferPointer<UInt8>) -> String? {
        let bytes = [UInt8](unsafeUninitializedCapacity: source.count) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            // A NUL stands for "malformed": it is refused below like every control character.
            if let length = decode(source, to: base, plusIsSpace: true) {
                count = length
            } else if !source.isEmpty {
                base[0] = 0
                count = 1
            }
        }
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
