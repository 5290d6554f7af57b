import JSON

/// The members that payloads of facts and commands about orders have.
///
/// All of them are looked at in every payload, whether its type or its reader needs them or not: what one reader would
/// refuse is refused by all.
public struct PayloadFields: PayloadMembers {
    /// Checked: every payload about an order has it.
    public private(set) var orderID = ""
    public private(set) var userID: String?
    public private(set) var items: [OrderLine] = []
    public private(set) var total: Money?
    public private(set) var amount: Money?
    public private(set) var reason: String?
    public private(set) var sku: String?
    public private(set) var reference: String?
    public private(set) var shipmentID: String?
    public private(set) var trackingNumber: String?
    public private(set) var kind: String?
    public private(set) var recipient: String?
    public private(set) var messageID: String?
    public private(set) var email: String?
    public private(set) var shippingAddress: String?
    public private(set) var paymentToken: String?
    public private(set) var hasSealedToken = false
    public private(set) var tokenKey: String?
    public private(set) var sealedToken: String?
    public private(set) var command: String?
    public private(set) var commandID: String?
    public private(set) var expiresAt: Int64?
    public private(set) var placeAt: Int64?

    public let type: String
    public let encoded: EncodedPayload
    private var namedOrderID: String?
    private var namedTime: Int64?
    private var totalText: [UInt8]?
    private var amountText: [UInt8]?
    private var currency: String?

    private typealias Limit = OrderRequest.Limit
    private var origin: PayloadOrigin { encoded.origin }

    /// When it happened, in microseconds since the Unix epoch; the record's time where the payload names none.
    public var at: Int64 { namedTime ?? encoded.time }

    public init(_ encoded: EncodedPayload, type: String) throws(PayloadError) {
        self.type = type
        self.encoded = encoded
        try Self.read(encoded, type: type) { key, reader in try read(key, &reader) }
        // The currency may come behind them.
        total = try money(totalText, "total")
        amount = try money(amountText, "amount")
        orderID = try NamedOrder.checked(namedOrderID, type: type, origin)
    }

    private mutating func read(_ key: JSONKey, _ reader: inout JSONReader) throws {
        if key == "orderId" {
            namedOrderID = try NamedOrder.text(&reader, origin)
        } else if key == "userId" {
            userID = try required(&reader, Limit.userID)
        } else if key == "items" {
            try readItems(&reader)
        } else if key == "total" {
            totalText = try Self.decimal(&reader)
        } else if key == "amount" {
            amountText = try Self.decimal(&reader)
        } else if key == "currency" {
            currency = try currencyCode(&reader)
        } else if key == "reason" {
            reason = try optional(&reader, FactLimit.reason)
        } else if key == "sku" {
            sku = try optional(&reader, Limit.sku)
        } else if key == "reference" {
            reference = try optional(&reader, FactLimit.reference)
        } else if key == "shipmentId" {
            shipmentID = try optional(&reader, FactLimit.shipmentID)
        } else if key == "trackingNumber" {
            trackingNumber = try optional(&reader, FactLimit.trackingNumber)
        } else if key == "kind" {
            kind = try optional(&reader, FactLimit.kind)
        } else if key == "recipient" {
            recipient = try optional(&reader, FactLimit.recipient)
        } else if key == "messageId" {
            messageID = try optional(&reader, FactLimit.messageID)
        } else if key == "email" {
            email = try optional(&reader, Limit.email, RequestText.emailFlaw)
        } else if key == "shippingAddress" {
            shippingAddress = try optional(&reader, Limit.address, lines: true)
        } else if key == "paymentToken" {
            paymentToken = try optional(&reader, Limit.token)
        } else if key == "paymentTokenSealed" {
            hasSealedToken = try reader.readIfNull() ? false : try reader.readBool()
        } else if key == "tokenKey" {
            tokenKey = try optional(&reader, FactLimit.tokenKey)
        } else if key == "sealedToken" {
            sealedToken = try optional(&reader, FactLimit.sealedToken)
        } else if key == "command" {
            command = try optional(&reader, FactLimit.kind)
        } else if key == "commandId" {
            commandID = try optional(&reader, FactLimit.messageID)
        } else if key == "expiresAt" {
            expiresAt = try Self.time(&reader)
        } else if key == "placeAt" {
            placeAt = try Self.time(&reader)
        } else if Self.isTime(key) {
            namedTime = try Self.time(&reader)
        } else {
            try reader.skipValue()
        }
    }

    private static func isTime(_ key: JSONKey) -> Bool {
        key == "createdAt" || key == "confirmedAt" || key == "requestedAt" || key == "cancelledAt"
            || key == "reservedAt" || key == "rejectedAt" || key == "releasedAt" || key == "processedAt"
            || key == "failedAt" || key == "refundedAt" || key == "voidedAt" || key == "dispatchedAt"
            || key == "sentAt" || key == "expiredAt" || key == "scheduledAt" || key == "withdrawnAt"
            || key == "remindedAt"
    }

    // MARK: Texts, lines and amounts

    private func required(_ reader: inout JSONReader, _ limit: Int) throws -> String {
        switch origin {
        case .topic: try RequestText.required(&reader, limit: limit)
        case .store: try reader.readString()
        }
    }

    /// Nil for null.
    private func optional(
        _ reader: inout JSONReader, _ limit: Int, lines: Bool = false, _ flaw: (String) -> String? = { _ in nil }
    ) throws -> String? {
        switch origin {
        case .topic: try RequestText.optional(&reader, limit: limit, lines: lines, flaw)
        case .store: try reader.readIfNull() ? nil : try reader.readString()
        }
    }

    private mutating func readItems(_ reader: inout JSONReader) throws {
        switch origin {
        case .topic:
            try reader.readArray(limit: Limit.items.upperBound) { _, reader in
                items.append(try OrderLine.checked(&reader))
            }
        case .store: items = try OrderLine.stored(&reader)
        }
    }

    private func currencyCode(_ reader: inout JSONReader) throws -> String? {
        if origin == .store, try reader.readIfNull() { return nil }
        return try reader.readString()
    }

    private static func decimal(_ reader: inout JSONReader) throws -> [UInt8] {
        if reader.peekKind() == .string { return Array(try reader.readString().utf8) }
        return Array(try reader.readNumberBytes())
    }

    private func money(_ text: [UInt8]?, _ name: String) throws(PayloadError) -> Money? {
        guard let text else { return nil }
        let code = currency ?? "USD"
        guard let known = Currency(code: code) else {
            throw PayloadError(type: type, detail: "/currency is not an ISO 4217 currency code")
        }
        do throws(Money.ParseError) {
            switch origin {
            case .topic: return try Money(decimal: text, currency: known)
            case .store: return try Money(stored: text, currency: known)
            }
        } catch {
            throw PayloadError(type: type, detail: "/\(name) \(error)")
        }
    }

    // MARK: What has to be there

    /// At least one, as an order has.
    public func requiredItems() throws(PayloadError) -> [OrderLine] {
        guard origin == .store || !items.isEmpty else {
            throw PayloadError(type: type, detail: "/items must have at least one item")
        }
        return items
    }
}
