import JSON
import OrderflowKit
import Orders
import Postgres

/// The `order_outcomes` table: `succeeded` has the names of the steps.
///
/// Daemons of the version before may run beside this one. They know a column for each of three steps, which are
/// therefore written and read too.
enum OrderOutcomeStore {
    /// Reads and locks the rows of `keys`, sorted, and makes those that are missing: an outcome and the order that it is
    /// of may come to two daemons at the same time, and the second has to see what the first did.
    static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: OrderOutcomes] {
        guard !keys.isEmpty else { return [:] }
        _ = try connection.execute(
            """
            INSERT INTO order_outcomes (tenant, order_id, status)
            SELECT tenant, order_id, $3 FROM unnest($1::text[], $2::text[]) AS k (tenant, order_id)
            ON CONFLICT DO NOTHING
            """,
            [
                .textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID)),
                .text(OrderOutcomes.Status.open.rawValue),
            ])
        let rows = try connection.query(
            """
            SELECT tenant, order_id, status, succeeded, reason, stock, payment, shipment FROM order_outcomes
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
            var succeeded = try row.withBytes(3) { try read($0) }
            for (index, step) in columns.enumerated() where try row.get(5 + index, as: Bool.self) {
                succeeded.insert(step)
            }
            entries[try OrderKey(row)] =
                OrderOutcomes(status: status, succeeded: succeeded, reason: try row.get(4, as: String?.self))
        }
        return entries
    }

    static func save(_ entries: [(OrderKey, OrderOutcomes)], on connection: Connection) throws {
        guard !entries.isEmpty else { return }
        _ = try connection.execute(
            """
            INSERT INTO order_outcomes (tenant, order_id, status, succeeded, reason, stock, payment, shipment)
            SELECT * FROM unnest(
                $1::text[], $2::text[], $3::text[], $4::json[], $5::text[], $6::bool[], $7::bool[], $8::bool[])
            ON CONFLICT (tenant, order_id) DO UPDATE SET
                status = excluded.status, succeeded = excluded.succeeded, reason = excluded.reason,
                stock = excluded.stock, payment = excluded.payment, shipment = excluded.shipment
            """,
            [
                .textArray(entries.map(\.0.tenant)), .textArray(entries.map(\.0.orderID)),
                .textArray(entries.map(\.1.status.rawValue)), .jsonArray(entries.map { write($0.1.succeeded) }),
                .textArrayOptional(entries.map(\.1.reason)),
            ] + columns.map { step in .boolArray(entries.map { $0.1.succeeded.contains(step) }) })
    }

    private static let columns = ["stock", "payment", "shipment"]

    private static func write(_ steps: Set<String>) -> [UInt8] {
        var json = JSONWriter(capacity: 64)
        json.array { json in for step in steps.sorted() { json.value(step) } }
        return json.bytes
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws -> Set<String> {
        var steps: Set<String> = []
        var reader = JSONReader(bytes)
        try reader.readArray { _, reader in steps.insert(try reader.readString()) }
        try reader.end()
        return steps
    }
}
