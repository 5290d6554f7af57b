import JSON

/// The members that payloads of facts about batches of orders have. All of them are looked at in every payload, as
/// `PayloadFields` are of orders.
public struct BatchFields: PayloadMembers {
    /// Checked: every payload about a batch has it.
    public private(set) var batchID = ""
    public private(set) var accepted: Int?
    public private(set) var confirmed: Int?
    public private(set) var cancelled: Int?
    public private(set) var refused: Int?
    public private(set) var isWhole: Bool?
    public private(set) var openedAt: Int64?
    public private(set) var sealedAt: Int64?

    public let type: String
    public let encoded: EncodedPayload
    private var namedTime: Int64?

    /// When it happened, in microseconds since the Unix epoch; the record's time where the payload names none.
    public var at: Int64 { namedTime ?? encoded.time }

    public init(_ encoded: EncodedPayload, type: String) throws(PayloadError) {
        self.type = type
        self.encoded = encoded
        var named: String?
        try Self.read(encoded, type: type) { key, reader in
            if key == "batchId" {
                named = try RequestText.required(&reader, limit: FactLimit.batchID)
            } else {
                try read(key, &reader)
            }
        }
        batchID = try require(named, "batchId")
    }

    private mutating func read(_ key: JSONKey, _ reader: inout JSONReader) throws {
        if key == "accepted" {
            accepted = try Self.count(&reader)
        } else if key == "confirmed" {
            confirmed = try Self.count(&reader)
        } else if key == "cancelled" {
            cancelled = try Self.count(&reader)
        } else if key == "refused" {
            refused = try Self.count(&reader)
        } else if key == "whole" {
            isWhole = try reader.readBool()
        } else if key == "openedAt" {
            openedAt = try Self.time(&reader)
        } else if key == "sealedAt" {
            sealedAt = try Self.time(&reader)
        } else if key == "completedAt" {
            namedTime = try Self.time(&reader)
        } else {
            try reader.skipValue()
        }
    }

    private static func count(_ reader: inout JSONReader) throws -> Int {
        let offset = reader.offset
        let value = try reader.readInt64()
        guard (0...FactLimit.batchOrders).contains(value) else {
            throw JSONError(reason: "must be from 0 to \(FactLimit.batchOrders)", offset: offset)
        }
        return Int(value)
    }
}

/// A fact about a batch of orders, on `order-events` among those of orders.
public protocol BatchFact: Fact where Members == BatchFields {
    var batchID: String { get }
}

extension BatchFact {
    public static var keyMember: String? { "batchId" }
    public var key: String { batchID }
}
