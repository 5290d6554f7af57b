import Execution
import HTTPServer
import OrderflowKit
import Sealing

/// Those who have signed in to the dashboard, as far as there is anything to know of them: their browsers bring their
/// credentials, sealed (`SessionCookie`).
package final class DashboardSessions: Sendable {
    private struct State {
        /// Nil where nobody has to sign in.
        var reader: (any CredentialReader)?
        /// Nil until the installation's secret is known.
        var cookie: SessionCookie?
    }

    /// From a sign-in on; over earlier when the credential is.
    let lifetime: Duration
    private let state = Monitor(State())

    package init(lifetime: Duration) { self.lifetime = lifetime }

    /// The process's gate, for those too who have signed in.
    package func gate(around gate: any AccessGate) -> any AccessGate {
        guard let reader = gate as? any CredentialReader else { return gate }
        state.update { $0.reader = reader }
        return SessionGate(sessions: self, gate: reader)
    }

    /// From now on people can sign in, and those who have done so are known.
    package func open(with key: SymmetricKey) { state.update { $0.cookie = SessionCookie(key) } }

    /// What a sign-in needs.
    func desk() throws(HTTPProblem) -> (reader: any CredentialReader, cookie: SessionCookie) {
        let (reader, cookie) = state.withLock { ($0.reader, $0.cookie) }
        guard let reader else {
            throw HTTPProblem(
                .conflict, title: "Nobody signs in", detail: "auth.mode is open: everybody may see the dashboard")
        }
        guard let cookie else {
            throw HTTPProblem(
                .serviceUnavailable, detail: "the installation's secret can't be read from the database yet",
                headers: [Unavailable.retryAfter])
        }
        return (reader, cookie)
    }

    /// The credential in a request's cookie; nil for a request without one that counts.
    ///
    /// A cookie counts for reading alone, and only on a page of ours: whatever changes something takes a credential in
    /// its header, which no page elsewhere can have a browser send.
    fileprivate func credential(of request: borrowing HTTPRequest) -> String? {
        guard [.get, .head].contains(request.method), request.withHeader("Authorization", { _ in }) == nil,
            request.withHeader("Cookie", { _ in }) != nil, OwnPage.hasSent(request)
        else { return nil }
        return state.withLock(\.cookie)?.credential(of: request, at: WallClock.nowMicroseconds() / 1_000_000)
    }
}

/// Lets those in who have signed in to the dashboard, and all others as the gate behind it does.
private struct SessionGate: AccessGate {
    let sessions: DashboardSessions
    let gate: any CredentialReader

    var refusals: RefusedRights? { gate.refusals }

    func admit(_ request: borrowing HTTPRequest, to need: RouteNeed) throws(HTTPProblem) -> Principal {
        guard need.right != .open, let credential = sessions.credential(of: request) else {
            return try gate.admit(request, to: need)
        }
        return try gate.admit(request, bringing: credential, to: need)
    }
}
