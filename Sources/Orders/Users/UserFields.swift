import JSON

/// The members that payloads of facts about users have. All of them are looked at in every payload, as `PayloadFields`
/// are of orders.
public struct UserFields: PayloadMembers {
    public private(set) var userID = ""
    public private(set) var name: String?
    public private(set) var email: String?
    public private(set) var accountID: String?
    public private(set) var address: PostalAddress?

    public let type: String
    public let encoded: EncodedPayload
    private var namedUserID: String?
    private var namedTime: Int64?

    /// When it happened, in microseconds since the Unix epoch; the record's time where the payload names none.
    public var at: Int64 { namedTime ?? encoded.time }

    public init(_ encoded: EncodedPayload, type: String) throws(PayloadError) {
        self.type = type
        self.encoded = encoded
        try Self.read(encoded, type: type) { key, reader in try read(key, &reader) }
        userID = try require(namedUserID, "userId")
    }

    private mutating func read(_ key: JSONKey, _ reader: inout JSONReader) throws {
        if key == "userId" {
            namedUserID = try RequestText.required(&reader, limit: OrderRequest.Limit.userID)
        } else if key == "name" {
            name = try RequestText.required(&reader, limit: UserRequest.nameLimit)
        } else if key == "email" {
            email = try RequestText.optional(
                &reader, limit: OrderRequest.Limit.email,
                encoded.origin == .store ? { _ in nil } : RequestText.emailFlaw)
        } else if key == "accountId" {
            accountID = try RequestText.optional(&reader, limit: OrderRequest.Limit.userID)
        } else if key == "address" {
            address = try PostalAddress(request: &reader)
        } else if key == "createdAt" {
            namedTime = try Self.time(&reader)
        } else {
            try reader.skipValue()
        }
    }
}
