import JSON

/// The members that payloads of facts and commands about orders have.
struct PayloadFields: PayloadMembers {
    var orderID: String?
    var userID: String?
    var items: [OrderLine] = []
    var total: [UInt8]?
    var amount: [UInt8]?
    var currency: String?
    var at: Int64?
    var reason: String?
    var sku: String?
    var reference: String?
    var shipmentID: String?
    var trackingNumber: String?
    var kind: String?
    var recipient: String?
    var messageID: String?
    var email: String?
    var shippingAddress: String?
    var paymentToken: String?

    let type: String

    init(type: String, payload: [UInt8]) throws(PayloadError) {
        self.type = type
        try read(payload)
    }

    mutating func read(_ key: JSONKey, _ reader: inout JSONReader) throws {
        if key == "orderId" {
            orderID = try reader.readString()
        } else if key == "userId" {
            userID = try reader.readString()
        } else if key == "items" {
            try reader.readArray { _, reader in items.append(try Self.line(&reader)) }
        } else if key == "total" {
            total = try Self.decimal(&reader)
        } else if key == "amount" {
            amount = try Self.decimal(&reader)
        } else if key == "currency" {
            currency = try Self.text(&reader)
        } else if key == "reason" {
            reason = try Self.text(&reader)
        } else if key == "sku" {
            sku = try Self.text(&reader)
        } else if key == "reference" {
            reference = try Self.text(&reader)
        } else if key == "shipmentId" {
            shipmentID = try Self.text(&reader)
        } else if key == "trackingNumber" {
            trackingNumber = try Self.text(&reader)
        } else if key == "kind" {
            kind = try Self.text(&reader)
        } else if key == "recipient" {
            recipient = try Self.text(&reader)
        } else if key == "messageId" {
            messageID = try Self.text(&reader)
        } else if key == "email" {
            email = try Self.text(&reader)
        } else if key == "shippingAddress" {
            shippingAddress = try Self.text(&reader)
        } else if key == "paymentToken" {
            paymentToken = try Self.text(&reader)
        } else if Self.isTime(key) {
            at = try Self.time(&reader)
        } else {
            try reader.skipValue()
        }
    }

    private static func isTime(_ key: JSONKey) -> Bool {
        key == "createdAt" || key == "confirmedAt" || key == "requestedAt" || key == "cancelledAt"
            || key == "reservedAt" || key == "rejectedAt" || key == "releasedAt" || key == "processedAt"
            || key == "failedAt" || key == "refundedAt" || key == "voidedAt" || key == "dispatchedAt"
            || key == "sentAt"
    }

    private static func line(_ reader: inout JSONReader) throws -> OrderLine {
        var sku: String?
        var quantity: Int64?
        try reader.readObject { key, reader in
            if key == "sku" {
                sku = try reader.readString()
            } else if key == "qty" {
                quantity = try reader.readInt64()
            } else {
                try reader.skipValue()
            }
        }
        guard let sku, let quantity, OrderLine.quantities.contains(quantity) else {
            throw JSONError(
                reason: "must have a sku and a qty from \(OrderLine.quantities.lowerBound) to "
                    + "\(OrderLine.quantities.upperBound)", offset: reader.offset)
        }
        return OrderLine(sku: sku, quantity: Int(quantity))
    }

    private static func text(_ reader: inout JSONReader) throws -> String? {
        try reader.readIfNull() ? nil : try reader.readString()
    }

    private static func decimal(_ reader: inout JSONReader) throws -> [UInt8] {
        if reader.peekKind() == .string { return Array(try reader.readString().utf8) }
        return Array(try reader.readNumberBytes())
    }

    // MARK: What a type requires

    /// PostgreSQL's text has no NUL, and an id is never empty.
    func orderIDText() throws(PayloadError) -> String {
        let id = try require(orderID, "orderId")
        guard !id.isEmpty, id.utf8.count <= 200, !id.utf8.contains(0) else {
            throw PayloadError(type: type, detail: "/orderId must have 1 to 200 bytes and no NUL")
        }
        return id
    }

    func money(_ text: [UInt8]?, _ name: String) throws(PayloadError) -> Money {
        let code = currency ?? "USD"
        guard let known = Currency(code: code) else {
            throw PayloadError(type: type, detail: "/currency \(code) is not an ISO 4217 code")
        }
        let text = try require(text, name)
        do {
            return try Money(decimal: text, currency: known)
        } catch {
            throw PayloadError(type: type, detail: "/\(name) \(error)")
        }
    }
}
