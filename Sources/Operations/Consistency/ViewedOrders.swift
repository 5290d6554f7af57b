import OrderflowKit
import Orders
import Postgres
import Projection

/// The read models' side of the comparison: where they have orders.
struct ViewedOrders {
    /// What the read models say of one order; nil is a model that hasn't got it.
    struct State: Hashable, Sendable {
        /// Of `order_views`.
        var version: Int?
        var status: String?
        var invoice: Purchase.Status?
        var sale: Purchase.Status?
        /// Groups that hold the order's messages back behind a dead letter.
        var parkedBy: Set<String> = []
    }

    let connection: Connection
    /// The order facts' topic and its lane, on which keys are parked.
    let topics: [String]

    func states(of keys: [OrderKey]) throws -> [OrderKey: State] {
        guard !keys.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            SELECT k.tenant, k.order_id, v.version, v.status, i.status, s.status
            FROM unnest($1::text[], $2::text[]) AS k (tenant, order_id)
            LEFT JOIN order_views v
                ON v.tenant = k.tenant AND v.order_id = k.order_id AND v.user_id IS NOT NULL
            LEFT JOIN invoice_orders i
                ON i.tenant = k.tenant AND i.order_id = k.order_id AND i.user_id IS NOT NULL
            LEFT JOIN sales_orders s
                ON s.tenant = k.tenant AND s.order_id = k.order_id AND s.user_id IS NOT NULL
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
        var states: [OrderKey: State] = [:]
        for row in rows {
            let key = try OrderKey(row)
            states[key] = State(
                version: try row.get(2, as: Int32?.self).map { Int($0) }, status: try row.get(3, as: String?.self),
                invoice: try row.get(4, as: Int32?.self).flatMap { Purchase.Status(rawValue: $0) },
                sale: try row.get(5, as: Int32?.self).flatMap { Purchase.Status(rawValue: $0) })
        }
        // Keys of records are order ids; tenants are told by headers only.
        var parked: [String: Set<String>] = [:]
        let held = try connection.query(
            "SELECT key, consumer_group FROM parked_keys WHERE topic = ANY($1::text[]) AND key = ANY($2::text[])",
            [.textArray(topics), .textArray(keys.map(\.orderID))])
        for row in held { parked[try row.get(0, as: String.self), default: []].insert(try row.get(1, as: String.self)) }
        if !parked.isEmpty { for key in keys { states[key]?.parkedBy = parked[key.orderID] ?? [] } }
        return states
    }
}
