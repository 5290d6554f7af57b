import JSON
import Orders
import Schemas

/// Where a user has goods and invoices sent from now on.
public struct AccountCreated: UserFact {
    public static let type = "AccountCreated"
    public static let version = 2
    public static let aliases = ["account.created"]

    /// Version 1, which other producers still send, has its address as one text.
    public static let upcasters = [
        Upcaster(from: 1) { payload in
            if let text = payload["address"]?.string { payload["address"] = .object(["street": .string(text)]) }
        }
    ]

    public let accountID: String
    public let userID: String
    public let address: PostalAddress
    /// Microseconds since the Unix epoch.
    public let createdAt: Int64

    public var at: Int64 { createdAt }

    public init(accountID: String, userID: String, address: PostalAddress, createdAt: Int64) {
        self.accountID = accountID
        self.userID = userID
        self.address = address
        self.createdAt = createdAt
    }

    public init(_ request: AccountRequest, accountID: String, at now: Int64) {
        self.init(accountID: accountID, userID: request.userID, address: request.address, createdAt: now)
    }

    public static let schema = MessageSchema(
        type, version: version, "Where a user has goods and invoices sent from now on.",
        [
            .init(1, "accountId", .text),
            .init(2, "userId", .text),
            .init(3, "address", .record(PostalAddress.schema)),
            .init(4, "createdAt", .time),
        ])

    public init(_ fields: UserFields) throws(PayloadError) {
        // Other producers may name no account: their event stands for it.
        accountID = fields.accountID ?? fields.encoded.id
        userID = fields.userID
        address = try fields.require(fields.address, "address")
        createdAt = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("accountId", accountID)
        json.field("userId", userID)
        json.key("address")
        address.write(into: &json)
        json.time("createdAt", createdAt)
    }
}
