import OrderflowKit
import Orders
import Postgres

/// The `order_outcomes` table.
enum OrderOutcomeStore {
    /// Reads and locks the rows of `keys`, sorted, and makes those that are missing: an outcome and the order that it is
    /// of may come to two daemons at the same time, and whoever comes second has to see what the first did.
    static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: OrderOutcomes] {
        guard !keys.isEmpty else { return [:] }
        _ = try connection.execute(
            """
            INSERT INTO order_outcomes (tenant, order_id, status, stock, payment, shipment)
            SELECT tenant, order_id, $3, false, false, false FROM unnest($1::text[], $2::text[]) AS k (tenant, order_id)
            ON CONFLICT DO NOTHING
            """,
            [
                .textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID)),
                .text(OrderOutcomes.Status.open.rawValue),
            ])
        let rows = try connection.query(
            """
            SELECT tenant, order_id, status, stock, payment, shipment, reason FROM order_outcomes
            WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            ORDER BY tenant, order_id
            FOR UPDATE
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
        var entries: [OrderKey: OrderOutcomes] = [:]
        for row in rows {
            let text = try row.get(2, as: String.self)
            guard let status = OrderOutcomes.Status(rawValue: text) else {
                throw UnknownStatus(table: "order_outcomes", status: text)
            }
            entries[try OrderKey(row)] =
                OrderOutcomes(
                    status: status, stock: try row.get(3, as: Bool.self), payment: try row.get(4, as: Bool.self),
                    shipment: try row.get(5, as: Bool.self), reason: try row.get(6, as: String?.self))
        }
        return entries
    }

    static func save(_ entries: [(OrderKey, OrderOutcomes)], on connection: Connection) throws {
        guard !entries.isEmpty else { return }
        _ = try connection.execute(
            """
            INSERT INTO order_outcomes (tenant, order_id, status, stock, payment, shipment, reason)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::bool[], $6::bool[], $7::text[])
            ON CONFLICT (tenant, order_id) DO UPDATE SET
                status = excluded.status, stock = excluded.stock, payment = excluded.payment,
                shipment = excluded.shipment, reason = excluded.reason
            """,
            [
                .textArray(entries.map(\.0.tenant)), .textArray(entries.map(\.0.orderID)),
                .textArray(entries.map(\.1.status.rawValue)), .boolArray(entries.map(\.1.stock)),
                .boolArray(entries.map(\.1.payment)), .boolArray(entries.map(\.1.shipment)),
                .textArrayOptional(entries.map(\.1.reason)),
            ])
    }
}
