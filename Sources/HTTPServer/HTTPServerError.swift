import Glibc

/// Why a server couldn't start.
public enum HTTPServerError: Error, Sendable, CustomStringConvertible {
    case alreadyStarted
    /// The host isn't an address and doesn't resolve to one; `code` is that of getaddrinfo(3).
    case unresolved(host: String, code: Int32)
    /// The address and port can't be bound: in use, not ours, or not permitted.
    case bind(host: String, port: UInt16, errno: Int32)
    /// Another system call failed.
    case system(call: String, errno: Int32)

    /// The host or the port is wrong: trying again can't help. A port in use may become free, a name server answer.
    public var isMisconfiguration: Bool {
        switch self {
        case .unresolved(_, let code): ![EAI_AGAIN, EAI_SYSTEM, EAI_MEMORY].contains(code)
        case .bind(_, _, let code): [EADDRNOTAVAIL, EACCES, EAFNOSUPPORT].contains(code)
        case .alreadyStarted, .system: false
        }
    }

    public var description: String {
        switch self {
        case .alreadyStarted: "the HTTP server was started before"
        case .unresolved(let host, let code): "can't resolve \(host): \(String(cString: gai_strerror(code)))"
        case .bind(let host, let port, let code): "can't listen on \(host) port \(port): \(Self.text(code))"
        case .system(let call, let code): "\(call) failed: \(Self.text(code))"
        }
    }

    private static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
