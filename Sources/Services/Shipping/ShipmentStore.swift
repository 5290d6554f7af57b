import Messaging
import OrderflowKit
import Orders
import Postgres

/// The `shipments` table.
enum ShipmentStore {
    static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: Shipment] {
        let rows = try connection.query(
            """
            SELECT tenant, order_id, status, shipment_id, reason, tracking_number, address FROM shipments
            WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            ORDER BY tenant, order_id
            FOR UPDATE
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
        var entries: [OrderKey: Shipment] = [:]
        for row in rows {
            let text = try row.get(2, as: String.self)
            guard let status = Shipment.Status(rawValue: text) else {
                throw UnknownStatus(table: "shipments", status: text)
            }
            entries[try OrderKey(row)] =
                Shipment(
                    status: status, shipmentID: try row.get(3, as: String?.self),
                    reason: try row.get(4, as: String?.self),
                    trackingNumber: try row.get(5, as: String?.self), address: try row.get(6, as: String?.self))
        }
        return entries
    }

    static func save(_ entries: [(OrderKey, Shipment)], on connection: Connection) throws {
        _ = try connection.execute(
            """
            INSERT INTO shipments (tenant, order_id, status, shipment_id, reason, tracking_number, address)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
            ON CONFLICT (tenant, order_id) DO UPDATE SET
                status = excluded.status, shipment_id = excluded.shipment_id, reason = excluded.reason,
                tracking_number = excluded.tracking_number, updated_at = now()
            """,
            [
                .textArray(entries.map(\.0.tenant)), .textArray(entries.map(\.0.orderID)),
                .textArray(entries.map(\.1.status.rawValue)), .textArrayOptional(entries.map(\.1.shipmentID)),
                .textArrayOptional(entries.map(\.1.reason)), .textArrayOptional(entries.map(\.1.trackingNumber)),
                .textArrayOptional(entries.map(\.1.address)),
            ])
    }
}
