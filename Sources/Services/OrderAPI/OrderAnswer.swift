import HTTPServer
import JSON
import OrderFacts
import Orders

/// The answers of the command side.
enum OrderAnswer {
    static func taken(_ beginning: OrderBeginning) -> HTTPResponse {
        var json = JSONWriter(capacity: 384)
        json.object { json in
            json.field("success", true)
            json.key("order")
            json.object { json in
                switch beginning {
                case .created(let order):
                    order.withoutToken.write(into: &json)
                    json.field("status", OrderStatus.pending.rawValue)
                case .scheduled(let order):
                    order.placed(at: order.at).withoutToken.write(into: &json)
                    json.field("status", OrderStatus.scheduled.rawValue)
                    json.time("placeAt", order.placeAt)
                }
                json.field("version", 1)
            }
        }
        return HTTPResponse.json(
            .created, json.bytes,
            headers: [HTTPHeader("Location", "/orders/\(beginning.orderID)"), HTTPHeader("ETag", "\"1\"")])
    }

    static func cancelling(_ order: Order) -> HTTPResponse {
        var json = JSONWriter()
        json.object { json in
            json.field("success", true)
            json.key("order")
            json.object {
                $0.field("orderId", order.id)
                $0.field("status", order.status.rawValue)
                $0.field("reason", order.cancellationReason)
                $0.field("version", order.version)
            }
        }
        return HTTPResponse.json(
            .accepted, json.bytes,
            headers: [HTTPHeader("Location", "/orders/\(order.id)"), HTTPHeader("ETag", "\"\(order.version)\"")])
    }
}

/// The optional body of a cancellation: `{"reason":"…"}`.
struct CancelRequest {
    let reason: String

    static let lengthLimit = 500

    init(_ body: UnsafeRawBufferPointer) throws(OrderRequest.Refusal) {
        guard !body.isEmpty else {
            reason = "cancelled by customer"
            return
        }
        var given: String?
        try OrderRequest.Refusal.reading(body) { key, reader in
            guard key == "reason" else { return try reader.skipValue() }
            let text = try reader.readString()
            guard text.utf8.count <= Self.lengthLimit, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw OrderRequest.Violation(
                    detail: "must have at most \(Self.lengthLimit) bytes and no control characters")
            }
            given = text
        }
        reason = given ?? "cancelled by customer"
    }
}
