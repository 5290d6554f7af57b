import Execution
import HTTPServer
import Messaging
import OrderFacts
import OrderflowKit
import Orders

/// Orders that are to be placed at a time of their own (`placeAt`).
struct PlacingTime: Sendable {
    /// How far ahead it may be.
    var limit: Duration = .seconds(90 * 86_400)
    /// Where the order service takes its commands.
    var topic = Topic.orderCommands.defaultName

    init() {}

    init(_ context: ServiceContext) {
        limit = context.settings[OrdersSettings.self].placeAhead
        topic = context.topics.orderCommands
    }

    /// What is wrong with an order's time; nil for one without, and for one that is good.
    ///
    /// - Parameter mayHavePassed: the request may have come in time before.
    func flaw(
        _ order: OrderRequest, at now: Int64, mayHavePassed: Bool = false
    ) -> OrderRequest.Refusal? {
        guard let time = order.placeAt else { return nil }
        func refusal(_ detail: String) -> OrderRequest.Refusal {
            .invalid([OrderRequest.Violation(pointer: "/placeAt", detail: detail)])
        }
        if time <= now { return mayHavePassed ? nil : refusal("must be in the future") }
        // Both are times of the years 1 to 9999.
        if time - now > limit.microseconds {
            return refusal("must not be more than \(DurationText.write(limit)) ahead (orders.place_ahead)")
        }
        return nil
    }

    /// What has an order placed at its time, by way of the sender's own database and topic.
    func reminder(of order: OrderScheduled, _ cause: EventMetadata) throws -> OutgoingEvent {
        var metadata = cause
        metadata.id = UUIDText.v7(microseconds: cause.time)
        metadata.causationID = cause.id
        metadata.requestDigest = nil
        metadata.batch = nil
        metadata.batchLine = nil
        return try OutgoingEvent(PlaceOrder(orderID: order.orderID), topic: topic, metadata: metadata)
            .delivered(.at(order.placeAt))
    }

    /// What waits for an order's time.
    static func selector(_ key: OrderKey) -> Schedule.Selector {
        Schedule.Selector(tenant: key.tenant, key: key.orderID, type: PlaceOrder.type)
    }
}

extension PlacingTime {
    /// What `status --verify` asks of orders that had a time of their own.
    static let evidence = Evidence(
        "an order is placed at its time, or withdrawn",
        sql: """
            SELECT e.stream_id, 'was to be placed at ' || (e.data->>'placeAt') FROM events e
            WHERE e.version = 1 AND e.type = 'OrderScheduled'
                AND (e.data->>'placeAt')::timestamptz < now() - interval '2 minutes'
                AND NOT EXISTS (
                    SELECT FROM events next
                    WHERE next.tenant = e.tenant AND next.stream_id = e.stream_id AND next.version = 2)
            UNION ALL
            SELECT e.stream_id, 'waits for its time without a message' FROM events e
            WHERE e.version = 1 AND e.type = 'OrderScheduled'
                AND (e.data->>'placeAt')::timestamptz > now() + interval '1 minute'
                AND NOT EXISTS (
                    SELECT FROM events next
                    WHERE next.tenant = e.tenant AND next.stream_id = e.stream_id AND next.version = 2)
                AND NOT EXISTS (
                    SELECT FROM scheduled_messages s
                    WHERE s.key = e.stream_id AND s.tenant = e.tenant AND s.type = 'PlaceOrder')
            UNION ALL
            -- By the clocks of two servers, where another took over meanwhile.
            SELECT e.stream_id, 'was placed at ' || next.created_at || ', before ' || (e.data->>'placeAt') FROM events e
            JOIN events next ON next.tenant = e.tenant AND next.stream_id = e.stream_id AND next.version = 2
            WHERE e.version = 1 AND e.type = 'OrderScheduled' AND next.type = 'OrderCreated'
                AND next.created_at < (e.data->>'placeAt')::timestamptz - interval '1 minute'
            """)
}
