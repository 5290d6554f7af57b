/// The syntax of chunk extensions, which nobody here reads (RFC 9112 §7.1.1): any number of
/// `BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ]`.
enum ChunkExtensions {
    typealias Bytes = Slice<UnsafeBufferPointer<UInt8>>

    static func areValid(_ text: Bytes) -> Bool {
        var rest = text
        while !rest.isEmpty {
            skipBlanks(&rest)
            guard skip(UInt8(ascii: ";"), &rest) else { return false }
            skipBlanks(&rest)
            guard skipToken(&rest) else { return false }
            var value = rest
            skipBlanks(&value)
            guard skip(UInt8(ascii: "="), &value) else { continue }
            skipBlanks(&value)
            guard value.first == UInt8(ascii: "\"") ? skipQuoted(&value) : skipToken(&value) else { return false }
            rest = value
        }
        return true
    }

    private static func skip(_ byte: UInt8, _ rest: inout Bytes) -> Bool {
        guard rest.first == byte else { return false }
        rest.removeFirst()
        return true
    }

    private static func skipBlanks(_ rest: inout Bytes) { rest = rest.drop { $0 == 0x20 || $0 == 0x09 } }

    private static func skipToken(_ rest: inout Bytes) -> Bool {
        let end = rest.drop { ByteSet.token.contains($0) }
        defer { rest = end }
        return end.count < rest.count
    }

    /// RFC 9110 §5.6.4.
    private static func skipQuoted(_ rest: inout Bytes) -> Bool {
        rest.removeFirst()
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") { return true }
            let said = byte == UInt8(ascii: "\\") ? rest.popFirst() : byte
            guard let said, said >= 0x20 && said != 0x7F || said == 0x09 else { return false }
        }
        return false
    }
}
