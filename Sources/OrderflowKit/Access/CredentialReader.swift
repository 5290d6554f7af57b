import HTTPServer

/// A gate that tells whose a credential is, wherever it was brought.
package protocol CredentialReader: AccessGate {
    /// The caller whose token or key it is. Runs on an event loop and must not block.
    ///
    /// Throws 401 for one that isn't taken, and 503 where that can't be told now.
    func principal(of credential: String) throws(HTTPProblem) -> Principal

    /// The same as `admit(_:to:)` for a credential that doesn't stand in the request's header.
    func admit(
        _ request: borrowing HTTPRequest, bringing credential: String, to need: RouteNeed
    ) throws(HTTPProblem) -> Principal
}
