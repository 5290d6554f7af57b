/// The methods this server routes (RFC 9110 §9, RFC 5789). Any other token is answered 501.
public enum HTTPMethod: String, Sendable, Hashable, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"
    /// These two are known so that they are answered 405, not 501. Nothing should be routed by TRACE: it would echo
    /// credentials. QUERY is draft-ietf-httpbis-safe-method-w-body.
    case trace = "TRACE"
    case query = "QUERY"

    /// Whether a request only asks (RFC 9110 §9.2.1).
    var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace, .query: true
        case .post, .put, .patch, .delete: false
        }
    }

    /// Method names are case-sensitive. Nil for a method this server doesn't know.
    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        func matches(_ name: StaticString) -> Bool {
            name.utf8CodeUnitCount == bytes.count
                && bytes.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: bytes.count))
        }
        if matches("POST") {
            self = .post
        } else if matches("GET") {
            self = .get
        } else if matches("HEAD") {
            self = .head
        } else if matches("PUT") {
            self = .put
        } else if matches("PATCH") {
            self = .patch
        } else if matches("DELETE") {
            self = .delete
        } else if matches("OPTIONS") {
            self = .options
        } else if matches("TRACE") {
            self = .trace
        } else if matches("QUERY") {
            self = .query
        } else {
            return nil
        }
    }
}
