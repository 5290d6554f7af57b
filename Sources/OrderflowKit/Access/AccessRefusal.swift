import HTTPServer

/// Answers to callers who may not do what they ask for (RFC 6750 §3.1, RFC 9110 §15.5).
package enum AccessRefusal {
    /// 403: who it is is known, and it lacks a right.
    package static func missing(_ right: Right) -> HTTPProblem {
        HTTPProblem(
            .forbidden, title: "Right missing", detail: "the scope \(right.rawValue) is needed",
            headers: [
                HTTPHeader(
                    "WWW-Authenticate",
                    "Bearer realm=\"orderflow\", error=\"insufficient_scope\", error_description=\"the scope \(right.rawValue) is needed\", "
                        + "scope=\"\(right.rawValue)\"")
            ])
    }
}
