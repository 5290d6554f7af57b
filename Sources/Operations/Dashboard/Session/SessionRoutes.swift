import Execution
import HTTPServer
import JSON
import Logging
import OrderflowKit
import Orders

/// Signing in to the dashboard, and out:
///
///     POST   /dashboard/session    {"credential":"of_…"}
///     GET    /dashboard/session    who has signed in
///     DELETE /dashboard/session
struct SessionRoutes: Sendable {
    let sessions: DashboardSessions
    let logger: Logger

    /// - Parameter middleware: of all that the dashboard answers.
    func routes(_ middleware: Middleware...) -> [Routes] {
        let all = Middleware.composed(middleware + [.noStore])
        return [
            Routes(needing: .operate, all) {
                Get("/dashboard/session") { _, context in .json(.ok, Self.document(context.principal)) }
            },
            // A credential is what a sign-in brings, and one who signs out may have none any more.
            Routes(needing: .open, all, OwnPage.only) {
                Post("/dashboard/session", .bodyLimit(16 << 10), .refusals(titled: "Invalid sign-in")) { request, _ in
                    try signIn(request)
                }
                Delete("/dashboard/session") { _ in HTTPResponse(.noContent, headers: SessionCookie.removal) }
            },
        ]
    }

    private func signIn(_ request: borrowing HTTPRequest) throws -> HTTPResponse {
        let credential = try Self.credential(request.body)
        let (reader, cookie) = try sessions.desk()
        let principal = try reader.admit(request, bringing: credential, to: RouteNeed(right: .operate))
        let now = WallClock.nowMicroseconds() / 1_000_000
        logger.info("dashboard_signed_in", metadata: ["subject": "\(principal.subject)"])
        return .json(
            .ok, Self.document(principal),
            headers: [
                cookie.header(
                    keeping: credential, from: now, until: now + Int64(sessions.lifetime.components.seconds),
                    isSecure: OwnPage.isSecure(request))
            ])
    }

    private static func credential(_ body: UnsafeRawBufferPointer) throws -> String {
        var given: String?
        try OrderRequest.Refusal.reading(body) { key, reader in
            guard key == "credential" else { return try reader.skipValue() }
            given = try reader.readString()
        }
        guard let credential = given, (1...SessionCookie.credentialLimit).contains(credential.utf8.count),
            credential.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            throw OrderRequest.Refusal.invalid([
                OrderRequest.Violation(
                    pointer: "/credential",
                    detail: "must be a token or a key of 1 to \(SessionCookie.credentialLimit) visible ASCII "
                        + "characters; a longer token has no place in a cookie, so take a key of `orderflow keys create`"
                )
            ])
        }
        return credential
    }

    private static func document(_ principal: Principal) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("kind", principal.kind.rawValue)
            if !principal.subject.isEmpty { json.field("subject", principal.subject) }
            if let tenant = principal.tenant { json.field("tenant", tenant) }
            json.key("scopes")
            json.array { json in for scope in principal.rights.scopes { json.value(scope) } }
        }
        return json.bytes
    }
}
