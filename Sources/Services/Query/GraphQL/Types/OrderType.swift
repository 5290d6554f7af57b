import GraphQL
import JSON
import OrderflowKit
import Orders
import Projection

extension SchemaPart {
    /// An order, as its document in the read model has it. What other services or read models know comes by loaders.
    static let order = SchemaPart(
        """
        "An order with what has come of it. The read model follows the write side: `version` and `revision` say how far it is."
        type Order {
          id: ID!
          "Whose it is."
          userId: String!
          status: OrderStatus!
          "Why it is being cancelled, or was."
          cancellationReason: String
          "What it costs."
          total: Decimal!
          "Of `total`: an ISO 4217 code."
          currency: String!
          items: [OrderItem!]! @listSize(assumedSize: 10)
          email: String
          shippingAddress: String
          createdAt: DateTime!
          "When it is to be placed, or was; null for one that was placed at once."
          placeAt: DateTime
          updatedAt: DateTime!
          "Changes of the order itself."
          version: Int!
          "Facts of all services that are in it."
          revision: Int!
          stock: OrderStock
          payment: Payment
          shipment: Shipment
          "Mails that were sent."
          notifications: [OrderNotification!]! @listSize(assumedSize: 5)
          "Facts of all services, the oldest first."
          timeline: [TimelineEntry!]! @listSize(assumedSize: 15)
          "Its history in the event store, the oldest first. Null with an error where the event store can't be reached."
          events: [OrderEvent!] @listSize(assumedSize: 5) @cost(weight: 5)
          "The steps of its fulfilment. Null until the saga has heard of it, and with an error where the saga can't be reached."
          saga: Saga @cost(weight: 5)
          "Who ordered. Needs `reports:read`."
          customer: Customer @cost(weight: 2)
          "The invoice of the month that it was created in. Needs `reports:read`."
          invoice: Invoice @cost(weight: 3)
        }

        enum OrderStatus {
          "It waits for its `placeAt`; nothing has been reserved or charged."
          scheduled
          pending
          confirmed
          "A cancellation is asked for, and what was done is being undone."
          cancelling
          cancelled
        }

        type OrderItem {
          sku: String!
          qty: Int!
        }

        type OrderStock {
          status: OrderStockStatus!
          reason: String
          at: DateTime!
        }

        \(names("OrderStockStatus", of: OrderView.Stock.Status.self))

        type Payment {
          status: PaymentStatus!
          amount: Decimal
          "Of `amount`: an ISO 4217 code."
          currency: String
          "The payment provider's."
          reference: String
          reason: String
          at: DateTime!
        }

        \(names("PaymentStatus", of: OrderView.Payment.Status.self))

        type Shipment {
          status: ShipmentStatus!
          shipmentId: String
          trackingNumber: String
          reason: String
          at: DateTime!
        }

        \(names("ShipmentStatus", of: OrderView.ShipmentPart.Status.self))

        type OrderNotification {
          kind: String!
          recipient: String!
          messageId: String!
          sentAt: DateTime!
        }

        "One fact about an order."
        type TimelineEntry {
          "Such as `PaymentCharged`."
          type: String!
          at: DateTime!
          id: String!
          "Who said it, where `id` alone doesn't tell it from others."
          source: String
          "Of the order's own facts."
          version: Int
          reason: String
          amount: Decimal
          "Of `amount`: an ISO 4217 code."
          currency: String
          reference: String
          shipmentId: String
          trackingNumber: String
          "Of a type that this read model keeps and doesn't know."
          payload: JSON
        }
        """
    ) { resolvers in
        resolvers.json(
            "Order", "OrderItem", "OrderStock", "Payment", "Shipment", "OrderNotification", "TimelineEntry")
        resolvers.object("Order", JSONValue.self) { order in
            order.field("id") { order, _ in order["orderId"] ?? .null }
            order.field("currency") { order, _ in order["currency"] ?? .string(Currency.usd.code) }
            // What was answered to who placed it has no more than the order itself.
            order.field("updatedAt") { order, _ in order["updatedAt"] ?? order["createdAt"] ?? .null }
            order.field("revision") { order, _ in order["revision"] ?? 0 }
            for list in ["notifications", "timeline"] { order.field(list) { order, _ in order[list] ?? [] } }
            order.field("events") { order, call in
                _ = try call.context.reach(.ordersRead)
                return call.load(Loaders.events, try order.orderID)
            }
            order.field("saga") { order, call in
                _ = try call.context.reach(.ordersRead)
                return call.load(Loaders.sagas, try order.orderID)
            }
            order.field("customer") { order, call in
                try call.context.demand(.reportsRead)
                return call.load(Loaders.customers, try order.userID)
            }
            order.field("invoice") { order, call in
                try call.context.demand(.reportsRead)
                guard let time = order["createdAt"]?.string, let month = InvoiceMonth(ofTime: time) else {
                    throw MissingMember(name: "createdAt")
                }
                return call.load(Loaders.invoices, InvoiceKey(userID: try order.userID, month: month))
            }
        }
    }

    private static func names<Status: PartStatus>(_ type: String, of status: Status.Type) -> String {
        (["enum \(type) {"] + Status.allCases.map { "  \($0.name)" } + ["}"]).joined(separator: "\n")
    }
}

/// A document isn't what it should be.
struct MissingMember: Error, CustomStringConvertible {
    let name: String
    var description: String { "a document has no \(name)" }
}

extension JSONValue {
    /// Of an order's document.
    var orderID: String { get throws { try text("orderId") } }
    var userID: String { get throws { try text("userId") } }

    private func text(_ name: String) throws -> String {
        guard let text = self[name]?.string else { throw MissingMember(name: name) }
        return text
    }
}

extension Loaders {
    /// Orders by their ids, within reach of the caller.
    static let orders = Loader<GraphQLContext, String, JSONValue>("orders", batchLimit: 200) { ids, context in
        let reach = try context.reach(.ordersRead)
        return try await context.read { connection in
            try OrderViewStore.many(ids, within: reach, on: connection).mapValues { try JSONValue(parsing: $0) }
        }
    }
}

/// What brings the keys of many fields together into one look each.
enum Loaders {}
