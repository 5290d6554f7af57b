import JSON

extension FulfilmentCommand {
    /// Reads a command, all of it; nil for a type that is none.
    public static func decode(
        type: String, payload: [UInt8], from origin: PayloadOrigin = .topic
    ) throws(PayloadError) -> FulfilmentCommand? {
        guard CommandType.all.contains(type) else { return nil }
        let fields = try PayloadFields(type: type, payload: payload, from: origin)
        let orderID = try fields.requiredOrderID()
        switch type {
        case CommandType.reserveStock:
            return FulfilmentCommand(orderID: orderID, .reserveStock(items: try fields.requiredItems()))
        case CommandType.releaseStock: return FulfilmentCommand(orderID: orderID, .releaseStock)
        case CommandType.processPayment:
            return FulfilmentCommand(
                orderID: orderID,
                .processPayment(
                    userID: try fields.require(fields.userID, "userId"),
                    amount: try fields.require(fields.amount, "amount"), paymentToken: fields.paymentToken))
        case CommandType.refundPayment:
            return FulfilmentCommand(orderID: orderID, .refundPayment(reason: fields.reason ?? ""))
        case CommandType.confirmOrder: return FulfilmentCommand(orderID: orderID, .confirmOrder)
        default: return FulfilmentCommand(orderID: orderID, .cancelOrder(reason: fields.reason ?? ""))
        }
    }

    /// The payload as JSON.
    public func payload() -> [UInt8] {
        var writer = JSONWriter()
        writer.object { json in
            json.field("orderId", orderID)
            switch kind {
            case .reserveStock(let items): json.items(items)
            case .releaseStock, .confirmOrder: break
            case .processPayment(let userID, let amount, let token):
                json.field("userId", userID)
                json.money("amount", amount)
                json.field("paymentToken", token)
            case .refundPayment(let reason), .cancelOrder(let reason): json.reason(reason)
            }
        }
        return writer.bytes
    }
}
