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

    /// 403: the caller may do this for itself only, and names another user.
    package static func foreign(_ right: Right, user: String) -> HTTPProblem {
        let own = right.own ?? right
        return HTTPProblem(
            .forbidden, title: "Another user's",
            detail: "the scope \(own.rawValue) is for the caller's own orders, and userId \"\(user)\" is another user",
            headers: [
                HTTPHeader(
                    "WWW-Authenticate",
                    "Bearer error=\"insufficient_scope\", "
                        + "error_description=\"the scope \(right.rawValue) is needed for another user\", "
                        + "scope=\"\(right.rawValue)\"")
            ])
    }
}
