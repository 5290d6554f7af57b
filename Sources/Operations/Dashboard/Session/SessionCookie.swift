import HTTPServer
import Sealing
import WebTokens

/// What a browser keeps for one who has signed in to the dashboard: the credential, sealed. So every process of the API
/// with the same key takes it, a restart loses nothing, and nothing about it is kept here.
///
/// The credential is checked again with each request: a revoked key or an expired token ends the session.
struct SessionCookie: Sendable {
    /// Bytes of a credential: browsers keep cookies of up to 4096 with name and attributes (RFC 6265 §6.1).
    static let credentialLimit = 2_600

    static let name = "orderflow_session"
    /// Over TLS. A browser takes this name only over TLS, for this host alone and for all of its paths (RFC 6265bis
    /// §4.1.3.2).
    static let secureName = "__Host-orderflow_session"

    private let key: SymmetricKey

    init(_ key: SymmetricKey) { self.key = key }

    /// The field that has a browser keep `credential`.
    ///
    /// - Parameters:
    ///   - end: seconds since the Unix epoch; taken until then.
    ///   - isSecure: whether the browser has come over TLS.
    func header(keeping credential: String, from now: Int64, until end: Int64, isSecure: Bool) -> HTTPHeader {
        let content = withUnsafeBytes(of: end.bigEndian) { Array($0) } + Array(credential.utf8)
        let text = Base64URL.encode(key.seal(content, for: Self.purpose))
        return Self.header(text, seconds: end - now, isSecure: isSecure)
    }

    /// Fields that have a browser forget it, under whichever name.
    static let removal = [header("", seconds: 0, isSecure: false), header("", seconds: 0, isSecure: true)]

    /// The credential of a request's cookie; nil without one, or with one that isn't ours or is over.
    func credential(of request: borrowing HTTPRequest, at now: Int64) -> String? {
        for name in [Self.secureName, Self.name] {
            guard let text = Self.value(of: name, in: request.headers("Cookie")) else { continue }
            if let credential = credential(text, at: now) { return credential }
        }
        return nil
    }

    func credential(_ text: String, at now: Int64) -> String? {
        guard text.utf8.count <= 4_096, let sealed = Base64URL.decode(text),
            let content = key.open(sealed, for: Self.purpose), content.count > 8
        else { return nil }
        let end = content.prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        return now < end ? String(validating: content.dropFirst(8), as: UTF8.self) : nil
    }

    private static let purpose = "dashboard session 1"

    private static func header(_ value: String, seconds: Int64, isSecure: Bool) -> HTTPHeader {
        HTTPHeader(
            "Set-Cookie",
            "\(isSecure ? secureName : name)=\(value); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=Strict"
                + (isSecure ? "; Secure" : ""))
    }

    /// RFC 6265 §4.2.1: pairs with a semicolon and a space between them. Of several of one name the first counts.
    static func value(of name: String, in headers: [String]) -> String? {
        for pair in headers.joined(separator: ";").split(separator: ";") {
            let pair = pair.drop { $0 == " " }
            guard pair.hasPrefix(name), pair.dropFirst(name.count).first == "=" else { continue }
            return String(pair.dropFirst(name.count + 1))
        }
        return nil
    }
}
