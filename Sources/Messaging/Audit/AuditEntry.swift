/// Who does something that is kept in the audit log.
public struct AuditActor: Hashable, Sendable {
    /// How it is known who that is.
    public enum Kind: String, Sendable, CaseIterable {
        /// The account of the operating system that runs a command.
        case os
        /// The subject of an identity provider's token.
        case token
        /// An API key, by its name.
        case key
        /// Any caller, where callers aren't asked who they are; the name is what the caller says.
        case open
        /// A caller without a credential.
        case anonymous
    }

    public let name: String
    public let kind: Kind
    /// From where: a machine's name, a client's address.
    public let origin: String
    /// As whom, where a person gives another name than the one that is known.
    public let alias: String?

    public init(_ name: String, kind: Kind, origin: String, alias: String? = nil) {
        self.name = name
        self.kind = kind
        self.origin = origin
        self.alias = alias == name ? nil : alias
    }

    /// What the history of a letter or an order says.
    public var shownName: String { alias ?? name }
}

/// Something that an operator or a key did, or was refused.
public struct AuditEntry: Hashable, Sendable {
    public let actor: AuditActor
    /// Whose data it is about; nil: of no tenant in particular.
    public let tenant: String?
    public let act: AuditAct
    /// What it was done to: an article, an order, a consumer group.
    public let object: String
    /// In the operator's words.
    public let reason: String?
    /// A JSON object of what else is worth knowing; nil for nothing. Never a secret.
    public let detail: [UInt8]?

    public init(
        by actor: AuditActor, _ act: AuditAct, on object: String, tenant: String? = nil, reason: String? = nil,
        detail: [UInt8]? = nil
    ) {
        self.actor = actor
        self.tenant = tenant
        self.act = act
        self.object = object
        self.reason = reason
        self.detail = detail
    }
}

/// A kind of act, as operators look for it: `stock.set`.
public struct AuditAct: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    public static let stockSet = AuditAct(rawValue: "stock.set")
    public static let lettersRetried = AuditAct(rawValue: "deadletters.retry")
    public static let lettersDiscarded = AuditAct(rawValue: "deadletters.discard")
    public static let sagaRetried = AuditAct(rawValue: "sagas.retry")
    public static let sagaResolved = AuditAct(rawValue: "sagas.resolve")
    public static let scheduleCancelled = AuditAct(rawValue: "schedule.cancel")
    public static let groupReset = AuditAct(rawValue: "groups.reset")
    public static let modelExchanged = AuditAct(rawValue: "replay.exchange")
    public static let keyCreated = AuditAct(rawValue: "keys.create")
    public static let keyRevoked = AuditAct(rawValue: "keys.revoke")
    public static let tokenKeyRotated = AuditAct(rawValue: "token-keys.rotate")
    public static let tokenKeysDropped = AuditAct(rawValue: "token-keys.drop")
    public static let refused = AuditAct(rawValue: "access.refused")
}
