import Glibc

/// A host with or without a port, as `Host` and an absolute request target name it (RFC 9110 §7.2, RFC 3986 §3.2.2).
enum HostSyntax {
    /// Whether `text` is `host [":" port]`. Empty is not.
    static func isValid(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let end = hostEnd(text), end > 0 else { return false }
        if end == text.count { return true }
        return text[end] == UInt8(ascii: ":") && text[(end + 1)...].allSatisfy { $0 &- 48 < 10 }
    }

    /// Where the host ends; nil when it is malformed.
    private static func hostEnd(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard text.first == UInt8(ascii: "[") else { return nameEnd(text) }
        guard let close = text.firstIndex(of: UInt8(ascii: "]")),
            isLiteral(UnsafeBufferPointer(rebasing: text[1..<close]))
        else { return nil }
        return close + 1
    }

    /// A registered name or an IPv4 address, which is one too.
    private static func nameEnd(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
        var cursor = 0
        while cursor < text.count, text[cursor] != UInt8(ascii: ":") {
            if text[cursor] == UInt8(ascii: "%") {
                guard cursor + 2 < text.count, ByteSet.hexValue(text[cursor + 1]) != nil,
                    ByteSet.hexValue(text[cursor + 2]) != nil
                else { return nil }
                cursor += 3
            } else {
                guard ByteSet.name.contains(text[cursor]) else { return nil }
                cursor += 1
            }
        }
        return cursor
    }

    /// What stands in brackets: an IPv6 address, or what may come after it (`v1.…`).
    private static func isLiteral(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        if let first = text.first, first | 0x20 == UInt8(ascii: "v") {
            let version = text.dropFirst().prefix { ByteSet.hexValue($0) != nil }
            let rest = text[version.endIndex...]
            return !version.isEmpty && rest.first == UInt8(ascii: ".") && rest.count > 1
                && rest.dropFirst().allSatisfy { ByteSet.name.contains($0) || $0 == UInt8(ascii: ":") }
        }
        guard text.count < Int(INET6_ADDRSTRLEN), !text.contains(0) else { return false }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
            for (index, byte) in text.enumerated() { buffer.initializeElement(at: index, to: CChar(bitPattern: byte)) }
            buffer.initializeElement(at: text.count, to: 0)
            guard let name = buffer.baseAddress else { return false }
            var address = in6_addr()
            return inet_pton(AF_INET6, name, &address) == 1
        }
    }
}
