import JSON

extension OrderFact {
    /// Reads a fact of any schema version, all of it; nil for a type that is none. `time` stands in where the payload
    /// names no time.
    public static func decode(
        type: String, schemaVersion: Int = 1, payload: [UInt8], time: Int64, from origin: PayloadOrigin = .topic
    ) throws(PayloadError) -> OrderFact? {
        guard FactType.all.contains(type) else { return nil }
        let fields = try PayloadFields(
            type: type, payload: upcasters.upcast(type, schemaVersion, payload), from: origin)
        let orderID = try fields.requiredOrderID()
        let at = fields.at ?? time
        let kind: Kind
        switch type {
        case FactType.orderCreated:
            kind = .orderCreated(
                OrderCreated(
                    orderID: orderID, userID: try fields.require(fields.userID, "userId"),
                    items: try fields.requiredItems(), total: try fields.require(fields.total, "total"), createdAt: at,
                    email: fields.email,
                    shippingAddress: fields.shippingAddress, paymentToken: fields.paymentToken))
        case FactType.orderConfirmed:
            kind = .orderConfirmed(
                userID: try fields.require(fields.userID, "userId"), total: try fields.require(fields.total, "total"))
        case FactType.orderCancellationRequested:
            kind = .orderCancellationRequested(reason: fields.reason ?? "")
        case FactType.orderCancelled:
            kind = .orderCancelled(
                userID: try fields.require(fields.userID, "userId"), total: try fields.require(fields.total, "total"),
                reason: fields.reason ?? "")
        case FactType.stockReserved: kind = .stockReserved(items: fields.items)
        case FactType.stockRejected: kind = .stockRejected(reason: fields.reason ?? "", sku: fields.sku)
        case FactType.stockReleased: kind = .stockReleased(items: fields.items)
        case FactType.paymentProcessed:
            kind = .paymentProcessed(
                amount: try fields.require(fields.amount, "amount"), reference: fields.reference ?? "")
        case FactType.paymentFailed: kind = .paymentFailed(reason: fields.reason ?? "")
        case FactType.paymentRefunded:
            kind = .paymentRefunded(
                amount: try fields.require(fields.amount, "amount"), reference: fields.reference ?? "")
        case FactType.paymentVoided: kind = .paymentVoided
        case FactType.paymentRefundFailed: kind = .paymentRefundFailed(reason: fields.reason ?? "")
        case FactType.shipmentCreated:
            kind = .shipmentCreated(shipmentID: try fields.require(fields.shipmentID, "shipmentId"))
        case FactType.shipmentFailed: kind = .shipmentFailed(reason: fields.reason ?? "")
        case FactType.shipmentDispatched:
            kind = .shipmentDispatched(
                shipmentID: try fields.require(fields.shipmentID, "shipmentId"),
                trackingNumber: fields.trackingNumber ?? "")
        case FactType.shipmentCancelled: kind = .shipmentCancelled(shipmentID: fields.shipmentID)
        case FactType.notificationSent:
            kind = .notificationSent(
                kind: try fields.require(fields.kind, "kind"), recipient: fields.recipient ?? "",
                messageID: fields.messageID ?? "")
        default: return nil
        }
        return OrderFact(orderID: orderID, at: at, kind)
    }

    /// Every fact about an order is of version 1 so far.
    static let upcasters = Upcasters([])

    /// The payload as JSON.
    public func payload() -> [UInt8] {
        var writer = JSONWriter(capacity: 320)
        writer.object { write(into: &$0) }
        return writer.bytes
    }

    private func write(into json: inout JSONWriter) {
        json.field("orderId", orderID)
        switch kind {
        case .orderCreated(let order): order.writeMembers(into: &json)
        case .orderConfirmed(let userID, let total):
            json.field("userId", userID)
            json.money("total", total)
            json.time("confirmedAt", at)
        case .orderCancellationRequested(let reason):
            json.reason(reason)
            json.time("requestedAt", at)
        case .orderCancelled(let userID, let total, let reason):
            json.field("userId", userID)
            json.money("total", total)
            json.reason(reason)
            json.time("cancelledAt", at)
        case .stockReserved(let items):
            json.items(items)
            json.time("reservedAt", at)
        case .stockRejected(let reason, let sku):
            json.reason(reason)
            json.field("sku", sku)
            json.time("rejectedAt", at)
        case .stockReleased(let items):
            json.items(items)
            json.time("releasedAt", at)
        case .paymentProcessed(let amount, let reference):
            json.money("amount", amount)
            json.field("reference", reference)
            json.time("processedAt", at)
        case .paymentFailed(let reason):
            json.reason(reason)
            json.time("failedAt", at)
        case .paymentRefunded(let amount, let reference):
            json.money("amount", amount)
            json.field("reference", reference)
            json.time("refundedAt", at)
        case .paymentVoided: json.time("voidedAt", at)
        case .paymentRefundFailed(let reason):
            json.reason(reason)
            json.time("failedAt", at)
        case .shipmentCreated(let shipmentID):
            json.field("shipmentId", shipmentID)
            json.time("createdAt", at)
        case .shipmentFailed(let reason):
            json.reason(reason)
            json.time("failedAt", at)
        case .shipmentDispatched(let shipmentID, let trackingNumber):
            json.field("shipmentId", shipmentID)
            json.field("trackingNumber", trackingNumber)
            json.time("dispatchedAt", at)
        case .shipmentCancelled(let shipmentID):
            json.field("shipmentId", shipmentID)
            json.time("cancelledAt", at)
        case .notificationSent(let kind, let recipient, let messageID):
            json.field("kind", kind)
            json.field("recipient", recipient)
            json.field("messageId", messageID)
            json.time("sentAt", at)
        }
    }
}

extension OrderCreated {
    /// Everything but the id, which the caller has written.
    public func writeMembers(into json: inout JSONWriter) {
        json.field("userId", userID)
        json.items(items)
        json.money("total", total)
        json.time("createdAt", createdAt)
        json.field("email", email)
        json.field("shippingAddress", shippingAddress)
        json.field("paymentToken", paymentToken)
    }
}

extension JSONWriter {
    /// An amount as an exact JSON number, and its currency beside it.
    public mutating func money(_ name: StaticString, _ money: Money) {
        key(name)
        raw { money.append(to: &$0) }
        field("currency", money.currency.code)
    }

    /// Somebody's words, cut and cleaned to what every reader takes.
    mutating func reason(_ words: String) { field("reason", words.fitted(to: FactLimit.reason)) }

    public mutating func time(_ name: StaticString, _ microseconds: Int64) {
        key(name)
        raw { RFC3339.append(microseconds, to: &$0) }
    }

    public mutating func items(_ items: [OrderLine]) {
        key("items")
        lines(items)
    }
}
