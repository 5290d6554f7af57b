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
    let digest: KeyedDigest?
    /// What is answered after the commit.
    public let answer: HTTPResponse

    /// A request with neither key nor token.
    public init(_ order: OrderRequest, _ context: RequestContext) throws {
        self.init(
            order, context, try context.reach(.ordersWrite), nil, KnownSecrets.Known(secret: nil, seal: nil))
    }

    /// A key names the order: the event store's own uniqueness is the check, and no second table is read.
    ///
    /// - Parameter known: what key and token need.
    init(
        _ order: OrderRequest, _ context: RequestContext, _ reach: Reach, _ key: IdempotencyKey?,
        _ known: KnownSecrets.Known, _ priority: Priority = .ordinary
    ) {
        self.reach = reach
        let now = WallClock.nowMicroseconds()
        var digest: KeyedDigest?
        var orderID: String?
        if let key, let secret = known.secret {
            orderID = secret.id(.order, key, tenant: context.tenant, owner: context.keyOwner)
            digest = secret.digest(of: order.canonical)
        }
        let created = OrderCreated(order, orderID: orderID ?? UUIDText.v7(microseconds: now), at: now)
        let orderKey = OrderKey(tenant: context.tenant, orderID: created.orderID)
        self.key = orderKey
        append = Self.append(created, order, context, known, digest, priority)
        answer = OrderAnswer.created(created)
        self.context = context
        self.digest = digest
    }

    /// The append that begins an order.
    ///
    /// - Parameter place: in the batch that it came in, whose orders have one correlation.
    static func append(
        _ created: OrderCreated, _ order: OrderRequest, _ context: RequestContext, _ known: KnownSecrets.Known,
        _ digest: KeyedDigest?, _ priority: Priority, in place: BatchPlace? = nil
    ) -> StreamAppend {
        let key = OrderKey(tenant: context.tenant, orderID: created.orderID)
        return OrderStreams.append(
            [.created(created)], to: key, at: 0,
            secret: order.paymentToken.flatMap { token in known.seal?.seal(token, of: key) }
        ) { _ in
            let id = UUIDText.v7(microseconds: created.createdAt)
            return EventMetadata(
                id: id, source: OrderStreams.source, time: created.createdAt, tenant: context.tenant,
                correlationID: context.correlationID ?? place?.batchID ?? id, traceparent: context.traceparent,
                actor: context.actor, requestDigest: digest?.text, batch: place?.batchID, batchLine: place?.line,
                priority: priority)
        }
    }

    var logFields: Logger.Metadata {
        var fields: Logger.Metadata = ["order_id": "\(key.orderID)", "tenant": "\(key.tenant)"]
        guard let metadata = append.events.first?.metadata else { return fields }
        fields["correlation_id"] = "\(metadata.correlationID)"
        return fields.merging(TraceContext.logFields(metadata.traceparent)) { $1 }
    }
}

extension OrderRequest {
    /// What is asked for, the same for every notation of it, and over versions: digests of it are kept.
    package var canonical: [UInt8] {
        let order = OrderEvent.created(
            OrderCreated(
                orderID: "", userID: userID, items: items, total: total, createdAt: 0, email: email,
                shippingAddress: shippingAddress, paymentToken: paymentToken)
        ).payload()
        // No payload has it, and digests of orders that don't ask for it are those of before.
        return isExpress ? order + Array("express".utf8) : order
    }
}
