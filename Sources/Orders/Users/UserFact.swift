/// A fact on `user-events`: what customers say of themselves.
public enum UserFact: Hashable, Sendable {
    case userCreated(UserCreated)
    case accountCreated(AccountCreated)

    public var userID: String {
        switch self {
        case .userCreated(let user): user.userID
        case .accountCreated(let account): account.userID
        }
    }

    /// Microseconds since the Unix epoch.
    public var at: Int64 {
        switch self {
        case .userCreated(let user): user.createdAt
        case .accountCreated(let account): account.createdAt
        }
    }

    public var type: String {
        switch self {
        case .userCreated: UserFactType.userCreated
        case .accountCreated: UserFactType.accountCreated
        }
    }

    /// Of the payload that we write.
    public var schemaVersion: Int {
        switch self {
        case .userCreated: 1
        case .accountCreated: 2
        }
    }
}

public struct UserCreated: Hashable, Sendable {
    public let userID: String
    public let name: String
    public let email: String
    public let createdAt: Int64

    public init(userID: String, name: String, email: String, createdAt: Int64) {
        self.userID = userID
        self.name = name
        self.email = email
        self.createdAt = createdAt
    }
}

/// Where a user has goods and invoices sent from now on.
public struct AccountCreated: Hashable, Sendable {
    public let accountID: String
    public let userID: String
    public let address: PostalAddress
    public let createdAt: Int64

    public init(accountID: String, userID: String, address: PostalAddress, createdAt: Int64) {
        self.accountID = accountID
        self.userID = userID
        self.address = address
        self.createdAt = createdAt
    }
}

/// The names on the wire.
public enum UserFactType {
    public static let userCreated = "UserCreated"
    public static let accountCreated = "AccountCreated"

    /// As other producers call them.
    static let aliases = ["user.created": userCreated, "account.created": accountCreated]

    /// All that are understood.
    public static let all = Set([userCreated, accountCreated] + aliases.keys)

    static func known(_ type: String) -> String { aliases[type] ?? type }
}
