import OrderAPI
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// The event store's side of the comparison: where orders are by their own events.
struct StoredOrders {
    /// One event of an order, as the tail of the store has it.
    struct Event: Hashable, Sendable {
        let key: OrderKey
        let version: Int
        let position: Int64
        /// Microseconds since the Unix epoch.
        let createdAt: Int64
    }

    /// An order by its last event.
    struct State: Hashable, Sendable {
        let version: Int
        let status: OrderStatus
        let changedAt: Int64
        /// Not before its time, and not where it was withdrawn before.
        var wasPlaced = true
    }

    let connection: Connection

    private static let categories = Parameter.textArray(OrderStreams.categories.sorted())

    /// Microseconds since the Unix epoch, by the clock that stamps events.
    func now() throws -> Int64 {
        try connection.query("SELECT clock_timestamp()").one().get(0, as: Timestamp.self).microseconds
    }

    /// The last events before `position`, the newest first.
    func tail(before position: Int64, limit: Int) throws -> [Event] {
        try connection.query(
            """
            SELECT tenant, stream_id, version, position, created_at FROM events
            WHERE position < $1 AND category = ANY($2::text[]) ORDER BY position DESC LIMIT $3
            """, [.int8(position), Self.categories, .int(limit)]
        ).map { row in
            Event(
                key: try OrderKey(row), version: Int(try row.get(2, as: Int32.self)),
                position: try row.get(3, as: Int64.self), createdAt: try row.get(4, as: Timestamp.self).microseconds)
        }
    }

    /// The next orders after `key`, in the order of their ids.
    func keys(after key: OrderKey?, limit: Int) throws -> [OrderKey] {
        try connection.query(
            """
            SELECT tenant, stream_id FROM events
            WHERE version = 1 AND category = ANY($1::text[]) AND (tenant, stream_id) > ($2, $3)
            ORDER BY tenant, stream_id LIMIT $4
            """, [Self.categories, .text(key?.tenant ?? ""), .text(key?.orderID ?? ""), .int(limit)]
        ).map { try OrderKey($0) }
    }

    func states(of keys: [OrderKey]) throws -> [OrderKey: State] {
        guard !keys.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            SELECT DISTINCT ON (tenant, stream_id) tenant, stream_id, version, type, created_at FROM events
            WHERE (tenant, stream_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
              AND category = ANY($3::text[])
            ORDER BY tenant, stream_id, version DESC
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID)), Self.categories])
        var states: [OrderKey: State] = [:]
        for row in rows {
            let last = try row.get(3, as: String.self)
            states[try OrderKey(row)] = State(
                version: Int(try row.get(2, as: Int32.self)), status: OrderStatus(last: last),
                changedAt: try row.get(4, as: Timestamp.self).microseconds,
                wasPlaced: last != OrderScheduled.type && last != OrderWithdrawn.type)
        }
        return states
    }
}

extension OrderStatus {
    /// Where the last event of its stream leaves an order.
    init(last type: String?) {
        self =
            switch type {
            case OrderConfirmed.type: .confirmed
            case OrderCancelled.type, OrderWithdrawn.type: .cancelled
            case OrderScheduled.type: .scheduled
            case OrderCancellationRequested.type: .cancelling
            default: .pending
            }
    }
}
