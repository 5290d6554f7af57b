import Execution
import HTTPServer
import JSON
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
        try self.init(
            order, context, try context.reach(.ordersWrite), nil, KnownSecrets.Known(secret: nil, seal: nil),
            PlacingTime())
    }

    /// A key names the order: the event store's own uniqueness is the check, and no second table is read.
    ///
    /// - Parameter known: what key and token need.
    init(
        _ order: OrderRequest, _ context: RequestContext, _ reach: Reach, _ key: IdempotencyKey?,
        _ known: KnownSecrets.Known, _ placing: PlacingTime, _ priority: Priority = .ordinary
    ) throws {
        self.reach = reach
        let now = WallClock.nowMicroseconds()
        var digest: KeyedDigest?
        var orderID: String?
        if let key, let secret = known.secret {
            orderID = secret.id(.order, key, tenant: context.tenant, owner: context.keyOwner)
            digest = secret.digest(of: order.canonical)
        }
        let beginning = OrderBeginning(order, orderID: orderID ?? UUIDText.v7(microseconds: now), at: now)
        let orderKey = OrderKey(tenant: context.tenant, orderID: beginning.orderID)
        self.key = orderKey
        append = try Self.append(beginning, order, context, known, digest, placing, priority)
        answer = OrderAnswer.taken(beginning)
        self.context = context
        self.digest = digest
    }

    /// The append that begins an order.
    ///
    /// - Parameter place: in the batch that it came in, whose orders have one correlation.
    static func append(
        _ beginning: OrderBeginning, _ order: OrderRequest, _ context: RequestContext, _ known: KnownSecrets.Known,
        _ digest: KeyedDigest?, _ placing: PlacingTime, _ priority: Priority, in place: BatchPlace? = nil
    ) throws -> StreamAppend {
        let key = OrderKey(tenant: context.tenant, orderID: beginning.orderID)
        let id = UUIDText.v7(microseconds: beginning.at)
        let metadata = EventMetadata(
            id: id, source: OrderStreams.source, time: beginning.at, tenant: context.tenant,
            correlationID: context.correlationID ?? place?.batchID ?? id, traceparent: context.traceparent,
            actor: context.actor, requestDigest: digest?.text, batch: place?.batchID, batchLine: place?.line,
            priority: priority)
        var reminder: OutgoingEvent?
        if case .scheduled(let scheduled) = beginning { reminder = try placing.reminder(of: scheduled, metadata) }
        return OrderStreams.append(
            [beginning.event], to: key, at: 0,
            secret: order.paymentToken.flatMap { token in known.seal?.seal(token, of: key) }, scheduled: reminder
        ) { _ in metadata }
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
        if let placeAt {
            let scheduled = OrderScheduled(self, placedAt: placeAt, orderID: "", at: 0)
            var json = JSONWriter(capacity: 384)
            json.object { json in
                scheduled.write(into: &json)
                json.field("paymentToken", paymentToken)
            }
            return isExpress ? json.bytes + Self.expressMark : json.bytes
        }
        let order = OrderEvent.created(
            OrderCreated(
                orderID: "", userID: userID, items: items, total: total, createdAt: 0, email: email,
                shippingAddress: shippingAddress, paymentToken: paymentToken)
        ).payload()
        // No payload has it, and digests of orders that don't ask for it are those of before.
        return isExpress ? order + Self.expressMark : order
    }

    private static let expressMark = Array("express".utf8)
}
