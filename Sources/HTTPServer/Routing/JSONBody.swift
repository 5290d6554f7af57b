/// What a body has to be for a route to look at it.
///
/// A body has to say that it is JSON: a form posted across sites can't (RFC 9110 §8.3).
public enum JSONBody: Sendable {
    /// JSON: even a missing body is judged by its `Content-Type`.
    case required
    /// JSON, or nothing at all.
    case optional

    func check(_ request: borrowing HTTPRequest) throws(HTTPProblem) {
        if self == .optional, request.body.isEmpty { return }
        // Several may have been read differently by a proxy.
        _ = try request.onlyHeader("Content-Type")
        guard request.withHeader("Content-Type", Self.isJSON) == true else {
            throw HTTPProblem(.unsupportedMediaType, detail: "the body must be application/json")
        }
        // RFC 9110 §8.4: a coding that isn't known here.
        guard request.headers("Content-Encoding").allSatisfy({ $0.isEmpty || $0.lowercased() == "identity" }) else {
            throw HTTPProblem(
                .unsupportedMediaType, detail: "the body must come without a Content-Encoding",
                headers: [HTTPHeader("Accept-Encoding", "identity")])
        }
    }

    /// `application/json` or a type ending in `+json`, whatever its parameters.
    private static func isJSON(_ type: UnsafeRawBufferPointer) -> Bool {
        var end = type.firstIndex(of: UInt8(ascii: ";")) ?? type.endIndex
        while end > 0, type[end - 1] == 0x20 || type[end - 1] == 0x09 { end -= 1 }
        func ends(with suffix: StaticString) -> Bool {
            let count = suffix.utf8CodeUnitCount
            // Setting the bit makes capitals small, and none of these characters into another.
            return count <= end
                && (0..<count).allSatisfy {
                    type[end - count + $0] | 0x20 == suffix.utf8Start[$0] | 0x20
                }
        }
        return ends(with: "application/json") ? end == 16 : ends(with: "+json")
    }
}
