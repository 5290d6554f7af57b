import JSON

/// What a responder says instead of an answer.
public struct RequestRefusal: Error, Hashable, Sendable {
    /// On the wire.
    public static let type = "RequestRefused"

    public let reason: String
    /// Whether the same request may be answered later.
    public let isPassing: Bool

    public init(_ reason: String, isPassing: Bool = false) {
        self.reason = reason
        self.isPassing = isPassing
    }

    func payload() -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("reason", reason)
            json.field("isPassing", isPassing)
        }
        return json.bytes
    }

    /// Reads what `payload` wrote, or a responder of another team's.
    init(payload: [UInt8]) throws {
        var reason = ""
        var isPassing = false
        try payload.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            try reader.readObject { key, reader in
                if key == "reason" {
                    reason = try reader.readString(limit: 1_000)
                } else if key == "isPassing" {
                    isPassing = try reader.readBool()
                } else {
                    try reader.skipValue()
                }
            }
            try reader.end()
        }
        self.init(reason, isPassing: isPassing)
    }
}
