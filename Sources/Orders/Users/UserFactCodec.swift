import JSON

extension UserFact {
    /// Reads a fact of any schema version, all of it; nil for a type that is none. `time` stands in where the payload
    /// names no time, `id` where it names no account.
    public static func decode(
        type: String, schemaVersion: Int, payload: [UInt8], time: Int64, id: String,
        from origin: PayloadOrigin = .topic
    ) throws(PayloadError) -> UserFact? {
        guard UserFactType.all.contains(type) else { return nil }
        let type = UserFactType.known(type)
        let fields = try UserFields(
            type: type, payload: upcasters.upcast(type, schemaVersion, payload), from: origin)
        let userID = try fields.require(fields.userID, "userId")
        let at = fields.createdAt ?? time
        if type == UserFactType.userCreated {
            return .userCreated(
                UserCreated(
                    userID: userID, name: try fields.require(fields.name, "name"),
                    email: try fields.require(fields.email, "email"), createdAt: at))
        }
        return .accountCreated(
            AccountCreated(
                accountID: fields.accountID ?? id, userID: userID,
                address: try fields.require(fields.address, "address"), createdAt: at))
    }

    public func payload() -> [UInt8] {
        var json = JSONWriter(capacity: 256)
        json.object { writeMembers(into: &$0) }
        return json.bytes
    }

    public func writeMembers(into json: inout JSONWriter) {
        switch self {
        case .userCreated(let user):
            json.field("userId", user.userID)
            json.field("name", user.name)
            json.field("email", user.email)
        case .accountCreated(let account):
            json.field("accountId", account.accountID)
            json.field("userId", account.userID)
            json.key("address")
            account.address.write(into: &json)
        }
        json.time("createdAt", at)
    }

    /// Version 1 of an account, which other producers still send, has its address as one text.
    static let upcasters = Upcasters([
        Upcasters.Step(UserFactType.accountCreated, from: 1) { payload in
            if let text = payload["address"]?.string { payload["address"] = .object(["street": .string(text)]) }
        }
    ])
}

/// The members of payloads about users.
private struct UserFields: PayloadMembers {
    var userID: String?
    var name: String?
    var email: String?
    var accountID: String?
    var address: PostalAddress?
    var createdAt: Int64?

    let type: String
    private let origin: PayloadOrigin

    init(type: String, payload: [UInt8], from origin: PayloadOrigin) throws(PayloadError) {
        self.type = type
        self.origin = origin
        try read(payload)
    }

    mutating func read(_ key: JSONKey, _ reader: inout JSONReader) throws {
        if key == "userId" {
            userID = try RequestText.required(&reader, limit: OrderRequest.Limit.userID)
        } else if key == "name" {
            name = try RequestText.required(&reader, limit: UserRequest.nameLimit)
        } else if key == "email" {
            email = try RequestText.optional(
                &reader, limit: OrderRequest.Limit.email, origin == .store ? { _ in nil } : RequestText.emailFlaw)
        } else if key == "accountId" {
            accountID = try RequestText.optional(&reader, limit: OrderRequest.Limit.userID)
        } else if key == "address" {
            address = try PostalAddress(request: &reader)
        } else if key == "createdAt" {
            createdAt = try Self.time(&reader)
        } else {
            try reader.skipValue()
        }
    }
}
