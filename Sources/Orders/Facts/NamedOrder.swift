import JSON

/// The member that says which order a payload is about, and the rule for it. By itself it is all that is read of a payload
/// of which nothing else is known, such as a fact of another team's step.
public struct NamedOrder: PayloadMembers {
    public let orderID: String
    public let type: String
    public let encoded: EncodedPayload

    public init(_ encoded: EncodedPayload, type: String) throws(PayloadError) {
        self.type = type
        self.encoded = encoded
        var named: String?
        try Self.read(encoded, type: type) { key, reader in
            if key == Self.member {
                named = try Self.text(&reader, encoded.origin)
            } else {
                try reader.skipValue()
            }
        }
        orderID = try Self.checked(named, type: type, encoded.origin)
    }

    private static let member: StaticString = "orderId"

    /// The member's value.
    static func text(_ reader: inout JSONReader, _ origin: PayloadOrigin) throws -> String {
        switch origin {
        case .topic: try RequestText.required(&reader, limit: FactLimit.orderID)
        case .store: try reader.readString()
        }
    }

    /// The value, held against what an order's id can be; nil where the payload hasn't named one.
    static func checked(_ named: String?, type: String, _ origin: PayloadOrigin) throws(PayloadError) -> String {
        guard let id = named else { throw PayloadError(type: type, detail: "/\(member) is required") }
        guard !id.isEmpty, id.utf8.count <= FactLimit.orderID, !id.utf8.contains(0) else {
            throw PayloadError(type: type, detail: "/\(member) must have 1 to \(FactLimit.orderID) bytes and no NUL")
        }
        guard origin == .store || !id.hasPrefix(FactLimit.usersStream) else {
            throw PayloadError(type: type, detail: "/\(member) must not begin with \(FactLimit.usersStream)")
        }
        return id
    }
}
