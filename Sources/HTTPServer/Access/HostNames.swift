/// The names that a server answers to.
///
/// A page elsewhere can have a name of its own lead to our address (DNS rebinding) and read, as its own, what listens
/// on 127.0.0.1; but the `Host` that its requests have is then still that name. Addresses are never such a name: they
/// aren't looked up, and no top-level domain is a number.
public struct HostNames: Sendable {
    /// Whatever name it is.
    public static let any = HostNames(isAny: true)

    private let isAny: Bool
    private let names: [[UInt8]]
    /// With their leading dot.
    private let suffixes: [[UInt8]]

    private init(isAny: Bool) {
        self.isAny = isAny
        names = []
        suffixes = []
    }

    /// - Parameter names: besides addresses and `localhost` with what is below it. `*.example.com` is what is below
    ///   `example.com`, `*` everything.
    public init(_ names: [String]) {
        isAny = names.contains("*")
        let lowercased = names.map { Array($0.lowercased().utf8) }
        suffixes = lowercased.filter { $0.starts(with: "*.".utf8) }.map { Array($0.dropFirst()) } + [Self.localSuffix]
        self.names = lowercased.filter { $0.first != UInt8(ascii: "*") } + [Array("localhost".utf8)]
    }

    private static let localSuffix = Array(".localhost".utf8)

    /// - Parameter host: a well-formed `Host`, a name or an address with or without a port. Empty is one that names
    ///   nothing, which no browser sends.
    func allows(_ host: UnsafeBufferPointer<UInt8>) -> Bool {
        // IPv6 stands in brackets.
        if isAny || host.isEmpty || host[0] == UInt8(ascii: "[") { return true }
        var end = host.firstIndex(of: UInt8(ascii: ":")) ?? host.count
        let name = UnsafeBufferPointer(rebasing: host[..<end])
        if Self.isAddress(name) { return true }
        // The root's dot, which a URL may have.
        if end > 1, host[end - 1] == UInt8(ascii: ".") { end -= 1 }
        let bare = UnsafeBufferPointer(rebasing: host[..<end])
        return names.contains { bare.equalsIgnoringCase($0) }
            || suffixes.contains { suffix in
                bare.count > suffix.count
                    && UnsafeBufferPointer(rebasing: bare[(bare.count - suffix.count)...]).equalsIgnoringCase(suffix)
            }
    }

    /// Four decimal numbers up to 255: what browsers make of every way to write an IPv4 address (WHATWG URL).
    private static func isAddress(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard name.count <= 15 else { return false }
        var (parts, digits, value) = (1, 0, 0)
        for byte in name {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value * 10 + Int(byte - 48)
                digits += 1
                guard digits <= 3, value <= 255 else { return false }
            case UInt8(ascii: ".") where digits > 0: (parts, digits, value) = (parts + 1, 0, 0)
            default: return false
            }
        }
        return parts == 4 && digits > 0
    }
}
