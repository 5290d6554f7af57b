import HTTPServer

/// A gate that tells whose a credential is, wherever it was brought.
package protocol CredentialReader: AccessGate {
    /// The caller whose token or key it is, where it has what is needed: the same as `admit(_:to:)` for a credential that
    /// doesn't stand in the request's header. Runs on an event loop and must not block.
    ///
    /// Throws 401 for one that isn't taken, 403 where a right is missing, and 503 where that can't be told now.
    func admit(
        _ request: borrowing HTTPRequest, bringing credential: String, to need: RouteNeed
    ) throws(HTTPProblem) -> Principal
}
