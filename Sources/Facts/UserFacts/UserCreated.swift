import JSON
import Orders
import Schemas

/// A customer has come.
public struct UserCreated: UserFact {
    public static let type = "UserCreated"
    public static let aliases = ["user.created"]

    public let userID: String
    public let name: String
    public let email: String
    /// Microseconds since the Unix epoch.
    public let createdAt: Int64

    public var at: Int64 { createdAt }

    public init(userID: String, name: String, email: String, createdAt: Int64) {
        self.userID = userID
        self.name = name
        self.email = email
        self.createdAt = createdAt
    }

    /// - Parameter userID: counts where the request names none.
    public init(_ request: UserRequest, userID: String, at now: Int64) {
        self.init(userID: request.userID ?? userID, name: request.name, email: request.email, createdAt: now)
    }

    public static let schema = MessageSchema(
        type, "A customer has come.",
        [
            .init(1, "userId", .text),
            .init(2, "name", .text),
            .init(3, "email", .text),
            .init(4, "createdAt", .time),
        ])

    public init(_ fields: UserFields) throws(PayloadError) {
        userID = fields.userID
        name = try fields.require(fields.name, "name")
        email = try fields.require(fields.email, "email")
        createdAt = fields.at
    }

    public func write(into json: inout JSONWriter) {
        json.field("userId", userID)
        json.field("name", name)
        json.field("email", email)
        json.time("createdAt", createdAt)
    }
}
