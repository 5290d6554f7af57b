/// What a body has to be for a route to look at it.
///
/// A body has to say that it is JSON: a form posted across sites can't (RFC 9110 §8.3).
public enum JSONBody: Sendable {
    /// JSON: even a missing body is judged by its `Content-Type`.
    case required
    /// JSON, or nothing at all.
    case optional
    /// Records, of a stream: an array of JSON, or JSON lines.
    case records

    func check(_ request: borrowing HTTPRequest) throws(HTTPProblem) {
        if self == .optional, request.body.isEmpty { return }
        // Several may have been read differently by a proxy.
        _ = try request.onlyHeader("Content-Type")
        let isKnown = request.withHeader("Content-Type") { type in
            Self.isJSON(type) || self == .records && Self.isJSONLines(type)
        }
        guard isKnown == true else {
            throw HTTPProblem(
                .unsupportedMediaType,
                detail: self == .records
                    ? "the body must be application/json, an array, or application/x-ndjson, a record a line"
                    : "the body must be application/json")
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
        let end = endOfEssence(type)
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

    /// A record a line, by either of its names; neither is registered.
    package static func isJSONLines(_ type: UnsafeRawBufferPointer) -> Bool {
        let essence = UnsafeBufferPointer(rebasing: type.bindMemory(to: UInt8.self)[..<endOfEssence(type)])
        return essence.equalsIgnoringCase("application/x-ndjson") || essence.equalsIgnoringCase("application/jsonl")
    }

    /// Where the type's parameters begin.
    private static func endOfEssence(_ type: UnsafeRawBufferPointer) -> Int {
        var end = type.firstIndex(of: UInt8(ascii: ";")) ?? type.endIndex
        while end > 0, type[end - 1] == 0x20 || type[end - 1] == 0x09 { end -= 1 }
        return end
    }
}
