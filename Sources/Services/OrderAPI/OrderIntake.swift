import Execution
import HTTPServer
import Logging
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Telemetry

/// `POST /orders` up to the store: a request checked and decided, the events to append, and the answer once they are
/// on disk. Touches nothing.
public struct OrderIntake: Sendable {
    let key: OrderKey
    let context: RequestContext
    let reach: Reach
    let append: StreamAppend
    /// Of a request with an Idempotency-Key.
    let digest: String?
    /// What is answered after the commit.
    public let answer: HTTPResponse

    public init(_ request: borrowing HTTPRequest, _ context: RequestContext) throws {
        let idempotencyKey = try IdempotencyKey(request)
        let order = try OrderRequest(json: request.body)
        reach = try context.reach(.ordersWrite)
        try reach.demand(order.userID)
        let now = WallClock.nowMicroseconds()
        // A key names the order: the event store's own uniqueness is the check, and no second table is read.
        let orderID =
            idempotencyKey.map { UUIDText.v5(name: "\(context.tenant)\0\($0.text)") }
            ?? UUIDText.v7(microseconds: now)
        let digest = idempotencyKey.map { _ in RequestDigest.of(order) }
        let created = OrderCreated(order, orderID: orderID, at: now)
        key = OrderKey(tenant: context.tenant, orderID: orderID)
        append = OrderStreams.append([.created(created)], to: key, at: 0) { _ in
            let id = UUIDText.v7(microseconds: now)
            return EventMetadata(
                id: id, source: OrderStreams.source, time: now, tenant: context.tenant,
                correlationID: context.correlationID ?? id, traceparent: context.traceparent, actor: context.actor,
                requestDigest: digest)
        }
        answer = OrderAnswer.created(created)
        self.context = context
        self.digest = digest
    }

    var logFields: Logger.Metadata {
        var fields: Logger.Metadata = ["order_id": "\(key.orderID)", "tenant": "\(key.tenant)"]
        guard let metadata = append.events.first?.metadata else { return fields }
        fields["correlation_id"] = "\(metadata.correlationID)"
        return fields.merging(TraceContext.logFields(metadata.traceparent)) { $1 }
    }
}

extension RequestDigest {
    package static func of(_ order: OrderRequest) -> String {
        of(OrderEvent.created(OrderCreated(order, orderID: "", at: 0)).payload())
    }
}
