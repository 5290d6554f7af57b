/// One header field as byte offsets from the start of the head.
package struct HeaderField {
    package static let none = HeaderField(nameStart: 0, nameLength: 0, valueStart: 0, valueLength: 0)

    var nameStart: UInt16
    var nameLength: UInt16
    var valueStart: UInt16
    var valueLength: UInt16
}

/// A complete request head, parsed strictly (RFC 9112). It holds offsets only; nothing is copied or allocated.
package struct RequestHead {
    private(set) var method: HTTPMethod?
    /// Where the path starts.
    private(set) var targetStart = 0
    /// Length of the path, without the query; 0 for a target in absolute form that has none, which is the root.
    private(set) var pathLength = 0
    /// Length of the query without its `?`; -1 when there is none.
    private(set) var queryLength = -1
    private(set) var fieldCount = 0
    private(set) var contentLength: Int?
    private(set) var isChunked = false
    private(set) var keepsAlive = true
    private(set) var expectsContinue = false
    private(set) var isVersion10 = false
    /// `OPTIONS *`, about the server itself.
    private(set) var isAsteriskForm = false

    /// Of a target in absolute form; empty without one.
    private var authority: (start: Int, length: Int) = (0, 0)
    private var hostCount = 0
    /// Which of the fields is `Host`.
    private var hostField = 0
    private var transferEncoding: TransferEncoding?
    private var saysClose = false
    private var saysKeepAlive = false
    private var expectation: Expectation?

    private enum TransferEncoding { case chunked, other }
    private enum Expectation { case proceed, other }

    var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }
    var needsKeepAliveHeader: Bool { isVersion10 && keepsAlive }

    /// Parses `length` bytes that `HeadScanner` found to be a head, into `fields`, which has room for
    /// `limits.headerCount`.
    package init(
        _ bytes: UnsafePointer<UInt8>, length: Int, requestLineLength: Int, fields: UnsafeMutablePointer<HeaderField>
    ) throws(Refusal) {
        try parseRequestLine(bytes, length: requestLineLength)
        var cursor = requestLineLength + 2
        while bytes[cursor] != 0x0D || bytes[cursor + 1] != 0x0A {
            cursor = try parseField(bytes, at: cursor, into: &fields[fieldCount])
            try recognise(bytes, fields[fieldCount])
            fieldCount += 1
        }
        try settle()
        // The target's authority stands in place of what Host says (RFC 9112 §3.2.2) everywhere.
        if authority.length > 0, hostCount > 0 {
            fields[hostField].valueStart = UInt16(truncatingIfNeeded: authority.start)
            fields[hostField].valueLength = UInt16(truncatingIfNeeded: authority.length)
        }
    }

    /// Checks a request line alone, so that nonsense is refused before the rest of the head arrives.
    init(requestLine bytes: UnsafePointer<UInt8>, length: Int) throws(Refusal) {
        try parseRequestLine(bytes, length: length)
    }

    private mutating func parseRequestLine(_ bytes: UnsafePointer<UInt8>, length: Int) throws(Refusal) {
        var cursor = 0
        while cursor < length, ByteSet.token.contains(bytes[cursor]) { cursor += 1 }
        guard cursor > 0, cursor < length, bytes[cursor] == 0x20 else {
            throw Refusal(.badRequest, "the method is malformed")
        }
        method = HTTPMethod(UnsafeBufferPointer(start: bytes, count: cursor))
        cursor += 1
        if cursor < length, bytes[cursor] == UInt8(ascii: "/") {
            cursor = parsePath(bytes, at: cursor, length: length)
        } else if cursor < length, bytes[cursor] == UInt8(ascii: "*"), method == .options {
            isAsteriskForm = true
            cursor += 1
        } else {
            cursor = try parseAuthority(bytes, at: cursor, length: length)
            cursor = parsePath(bytes, at: cursor, length: length)
            isAsteriskForm = method == .options && pathLength == 0 && queryLength < 0
        }
        guard cursor < length, bytes[cursor] == 0x20 else {
            throw Refusal(.badRequest, "the request target has a character that must be percent-encoded")
        }
        try parseVersion(bytes + cursor + 1, length: length - cursor - 1)
        if method == nil { throw Refusal(.notImplemented, "the method isn't known here") }
    }

    /// Path and query; returns where they end.
    private mutating func parsePath(_ bytes: UnsafePointer<UInt8>, at start: Int, length: Int) -> Int {
        var cursor = start
        targetStart = start
        while cursor < length, ByteSet.path.contains(bytes[cursor]) { cursor += 1 }
        pathLength = cursor - start
        if cursor < length, bytes[cursor] == UInt8(ascii: "?") {
            let queryStart = cursor + 1
            cursor = queryStart
            while cursor < length, ByteSet.query.contains(bytes[cursor]) { cursor += 1 }
            queryLength = cursor - queryStart
        }
        return cursor
    }

    /// The beginning of a target in absolute form, as it is sent to proxies and every server has to take it (RFC 9112
    /// §3.2.2): scheme and authority. Returns where they end.
    private mutating func parseAuthority(
        _ bytes: UnsafePointer<UInt8>, at start: Int, length: Int
    ) throws(Refusal) -> Int {
        let rest = UnsafeBufferPointer(start: bytes + start, count: length - start)
        let scheme = UnsafeBufferPointer(rebasing: rest.prefix { $0 != UInt8(ascii: "/") })
        guard scheme.equalsIgnoringCase("http:") || scheme.equalsIgnoringCase("https:"),
            scheme.count + 1 < rest.count, rest[scheme.count + 1] == UInt8(ascii: "/")
        else { throw Refusal(.badRequest, "the request target must be a path or an http URI") }
        let authorityStart = start + scheme.count + 2
        var cursor = authorityStart
        while cursor < length, bytes[cursor] != UInt8(ascii: "/"), bytes[cursor] != UInt8(ascii: "?"),
            bytes[cursor] != 0x20
        { cursor += 1 }
        authority = (authorityStart, cursor - authorityStart)
        // An http URI without a host, or with a user, is none (RFC 9110 §4.2.1, §4.2.4).
        guard HostSyntax.isValid(UnsafeBufferPointer(start: bytes + authorityStart, count: authority.length)) else {
            throw Refusal(.badRequest, "the request target's authority is malformed")
        }
        return cursor
    }

    private mutating func parseVersion(_ bytes: UnsafePointer<UInt8>, length: Int) throws(Refusal) {
        let name: StaticString = "HTTP/"
        guard length == 8, (0..<5).allSatisfy({ bytes[$0] == name.utf8Start[$0] }),
            bytes[5] &- 48 < 10, bytes[6] == UInt8(ascii: "."), bytes[7] &- 48 < 10
        else { throw Refusal(.badRequest, "the HTTP version is malformed") }
        // A higher minor version is served as the highest that we know (RFC 9110 §2.5).
        guard bytes[5] == UInt8(ascii: "1") else {
            throw Refusal(.versionNotSupported, "only HTTP/1.1 and HTTP/1.0 are spoken here")
        }
        isVersion10 = bytes[7] == UInt8(ascii: "0")
    }

    /// Parses one field line that ends in CRLF; returns where the next line starts.
    private func parseField(
        _ bytes: UnsafePointer<UInt8>, at start: Int, into field: inout HeaderField
    ) throws(Refusal) -> Int {
        var cursor = start
        while ByteSet.token.contains(bytes[cursor]) { cursor += 1 }
        guard cursor > start, bytes[cursor] == UInt8(ascii: ":") else {
            throw Refusal(.badRequest, "a header field name is malformed")
        }
        let nameLength = cursor - start
        cursor += 1
        while bytes[cursor] == 0x20 || bytes[cursor] == 0x09 { cursor += 1 }
        let valueStart = cursor
        while bytes[cursor] >= 0x20 && bytes[cursor] != 0x7F || bytes[cursor] == 0x09 { cursor += 1 }
        guard bytes[cursor] == 0x0D, bytes[cursor + 1] == 0x0A else {
            throw Refusal(.badRequest, "a header field value has a control character")
        }
        var valueEnd = cursor
        while valueEnd > valueStart, bytes[valueEnd - 1] == 0x20 || bytes[valueEnd - 1] == 0x09 { valueEnd -= 1 }
        field = HeaderField(
            nameStart: UInt16(truncatingIfNeeded: start), nameLength: UInt16(truncatingIfNeeded: nameLength),
            valueStart: UInt16(truncatingIfNeeded: valueStart),
            valueLength: UInt16(truncatingIfNeeded: valueEnd - valueStart))
        return cursor + 2
    }

    private mutating func recognise(_ bytes: UnsafePointer<UInt8>, _ field: HeaderField) throws(Refusal) {
        let name = UnsafeBufferPointer(start: bytes + Int(field.nameStart), count: Int(field.nameLength))
        let value = UnsafeBufferPointer(start: bytes + Int(field.valueStart), count: Int(field.valueLength))
        switch name.count {
        case 4 where name.equalsIgnoringCase("host"):
            hostCount += 1
            hostField = fieldCount
            // Empty where the target has no authority (RFC 9112 §3.2).
            guard value.isEmpty || HostSyntax.isValid(value) else {
                throw Refusal(.badRequest, "the Host header is malformed")
            }
        case 6 where name.equalsIgnoringCase("expect"):
            expectation = value.equalsIgnoringCase("100-continue") && expectation != .other ? .proceed : .other
        case 10 where name.equalsIgnoringCase("connection"):
            readConnectionOptions(value)
        case 14 where name.equalsIgnoringCase("content-length"):
            guard contentLength == nil else { throw Refusal(.badRequest, "Content-Length comes twice") }
            contentLength = try Self.parseLength(value)
        case 17 where name.equalsIgnoringCase("transfer-encoding"):
            // Two fields are a list of two codings, and only one coding is accepted.
            let isChunked = transferEncoding == nil && value.equalsIgnoringCase("chunked")
            transferEncoding = isChunked ? .chunked : .other
        default: break
        }
    }

    private static func parseLength(_ value: UnsafeBufferPointer<UInt8>) throws(Refusal) -> Int {
        guard !value.isEmpty, value.allSatisfy({ $0 &- 48 < 10 }) else {
            throw Refusal(.badRequest, "Content-Length isn't a number")
        }
        // Eighteen digits fit an Int; more is beyond every limit anyhow.
        guard value.count <= 18 else { return .max }
        return value.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    private mutating func readConnectionOptions(_ value: UnsafeBufferPointer<UInt8>) {
        var start = 0
        while start <= value.count {
            var end = start
            while end < value.count, value[end] != UInt8(ascii: ",") { end += 1 }
            let option = UnsafeBufferPointer(rebasing: value[start..<end]).trimmed
            if option.equalsIgnoringCase("close") {
                saysClose = true
            } else if option.equalsIgnoringCase("keep-alive") {
                saysKeepAlive = true
            }
            start = end + 1
        }
    }

    /// The rules over several fields (RFC 9112 §3.2, §6.1, §6.3, §9.3; RFC 9110 §10.1.1).
    private mutating func settle() throws(Refusal) {
        guard hostCount == 1 || (hostCount == 0 && isVersion10) else {
            throw Refusal(.badRequest, "exactly one Host header is needed")
        }
        if let transferEncoding {
            if isVersion10 { throw Refusal(.badRequest, "HTTP/1.0 has no Transfer-Encoding") }
            if contentLength != nil {
                throw Refusal(.badRequest, "Content-Length and Transfer-Encoding exclude each other")
            }
            guard transferEncoding == .chunked else {
                throw Refusal(.notImplemented, "the only Transfer-Encoding known here is chunked")
            }
            isChunked = true
        }
        keepsAlive = !saysClose && (!isVersion10 || saysKeepAlive)
        // A 1.0 client can't wait for 100 (Continue).
        if let expectation, !isVersion10 {
            guard expectation == .proceed else {
                throw Refusal(.expectationFailed, "the only expectation known here is 100-continue")
            }
            expectsContinue = true
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// `lowercase` must be in lower case.
    func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        let other = lowercase.utf8Start
        for index in 0..<count where ByteSet.lowercased(self[index]) != other[index] { return false }
        return true
    }

    /// `lowercase` must be in lower case.
    func equalsIgnoringCase(_ lowercase: [UInt8]) -> Bool {
        guard count == lowercase.count else { return false }
        for index in 0..<count where ByteSet.lowercased(self[index]) != lowercase[index] { return false }
        return true
    }

    func equalsIgnoringCase(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where ByteSet.lowercased(self[index]) != ByteSet.lowercased(other[index]) {
            return false
        }
        return true
    }

    /// Without spaces and tabs at both ends.
    var trimmed: UnsafeBufferPointer<UInt8> {
        var start = 0
        var end = count
        while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
        while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
        return UnsafeBufferPointer(rebasing: self[start..<end])
    }
}
