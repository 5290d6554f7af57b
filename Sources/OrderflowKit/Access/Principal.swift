import Execution
import HTTPServer
import Messaging
import Synchronization

/// Who asks: the owner of a token or a key, or nobody in particular where `auth.mode` is `open`.
///
/// Made once for a credential and shared by all requests that bring it. Equal are those of the same kind, subject and
/// tenant, whatever their rights: two tokens of one customer are one caller.
public final class Principal: Sendable, Hashable {
    public enum Kind: String, Sendable {
        /// A JSON Web Token of the identity provider.
        case token
        /// An API key.
        case key
        /// Any caller, where `auth.mode` is `open`.
        case open
        /// Without a credential, on a route that needs none.
        case anonymous
    }

    public let kind: Kind
    /// The token's `sub`; `key:` and the key's name; `service` for a process of the installation: 1 to `subjectLimit`
    /// visible characters of ASCII. Empty for who is none of these.
    public let subject: String
    /// Whose data it works on; nil for who belongs to none.
    public let tenant: String?
    public let rights: Rights
    /// From when on its credential isn't good any more, in seconds since the Unix epoch.
    private let end: Atomic<Int64>

    public static let subjectLimit = 255

    public init(_ kind: Kind, subject: String, tenant: String?, rights: Rights, end: Int64 = .max) {
        self.end = Atomic(end)
        self.kind = kind
        self.subject = subject
        self.tenant = tenant
        self.rights = rights
    }

    /// Everybody where `auth.mode` is `open`: may do everything, for every tenant.
    public static let open = Principal(.open, subject: "", tenant: nil, rights: .all)

    /// Of a request that needs no right.
    public static let anonymous = Principal(.anonymous, subject: "", tenant: nil, rights: [])

    /// Whether its credential has expired or is revoked: what it listens to has to end.
    package var isOver: Bool { WallClock.nowMicroseconds() / 1_000_000 >= end.load(ordering: .relaxed) }

    /// Its credential is revoked.
    func revoke() { end.store(.min, ordering: .relaxed) }

    /// Whose data it works on where it names no tenant.
    var ownTenant: String { tenant ?? TenantName.standard }

    func mayActFor(_ name: String) -> Bool { name == ownTenant || rights.contains(.tenantsAny) }

    /// How much of what `right` is about it may do.
    public func grant(of right: Right) -> Grant {
        if rights.contains(right) { return .all }
        if let own = right.own, rights.contains(own) { return .own(subject) }
        return .none
    }

    public static func == (a: Principal, b: Principal) -> Bool {
        a === b || (a.kind == b.kind && a.subject == b.subject && a.tenant == b.tenant)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        hasher.combine(subject)
        hasher.combine(tenant)
    }
}

/// How much of what a right is about a caller may do.
public enum Grant: Hashable, Sendable {
    case all
    /// What belongs to the user of this id.
    case own(String)
    case none
}
