import JSON

/// The body of `POST /users`, checked: `{"name":"Alice","email":"alice@example.com"}`, and `userId` where the shop has
/// an id for the customer already.
public struct UserRequest: Hashable, Sendable {
    public let userID: String?
    public let name: String
    public let email: String

    public static let nameLimit = 256

    public init(json: UnsafeRawBufferPointer) throws(OrderRequest.Refusal) {
        var (userID, name, email): (String?, String?, String?)
        try OrderRequest.Refusal.reading(json) { key, reader in
            if key == "userId" {
                userID = try RequestText.required(&reader, limit: OrderRequest.Limit.userID)
            } else if key == "name" {
                name = try RequestText.required(&reader, limit: Self.nameLimit)
            } else if key == "email" {
                email = try RequestText.optional(
                    &reader, limit: OrderRequest.Limit.email, RequestText.emailFlaw)
            } else {
                try reader.skipValue()
            }
        }
        guard let name, let email else {
            throw .invalid(
                [("/name", name), ("/email", email)].filter { $0.1 == nil }.map {
                    OrderRequest.Violation(pointer: $0.0, detail: "is required")
                })
        }
        self.userID = userID
        self.name = name
        self.email = email
    }
}

/// The body of `POST /accounts`, checked: `{"userId":"alice","address":"1 Main St"}`, or the address as an object.
public struct AccountRequest: Hashable, Sendable {
    public let userID: String
    public let address: PostalAddress

    public init(json: UnsafeRawBufferPointer) throws(OrderRequest.Refusal) {
        var userID: String?
        var address: PostalAddress?
        try OrderRequest.Refusal.reading(json) { key, reader in
            if key == "userId" {
                userID = try RequestText.required(&reader, limit: OrderRequest.Limit.userID)
            } else if key == "address" {
                address = try PostalAddress(request: &reader)
            } else {
                try reader.skipValue()
            }
        }
        guard let userID, let address else {
            throw .invalid(
                [("/userId", userID == nil), ("/address", address == nil)].filter(\.1).map {
                    OrderRequest.Violation(pointer: $0.0, detail: "is required")
                })
        }
        self.userID = userID
        self.address = address
    }
}
