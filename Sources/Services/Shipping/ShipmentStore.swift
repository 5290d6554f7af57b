import Messaging
import OrderflowKit
import Orders
import Postgres

/// The `shipments` table.
///
/// A shipment never comes back to a status that it has left, so that the status which was read says whether anybody has
/// changed the row since: nothing is locked. Rows are written by plain INSERT and UPDATE, which cost half of what an upsert
/// does.
enum ShipmentStore {
    static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: Shipment] {
        guard !keys.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            SELECT tenant, order_id, status, shipment_id, reason, tracking_number, address FROM shipments
            WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
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

    /// A shipment, and the status that it was read in; nil for one that isn't stored yet.
    typealias Change = (key: OrderKey, shipment: Shipment, before: Shipment.Status?)

    /// Writes shipments that nobody has changed since they were read; else `ConcurrentChange`.
    static func save(_ changes: [Change], on connection: Connection) throws {
        let (new, known) = (changes.filter { $0.before == nil }, changes.filter { $0.before != nil })
        let answers = try ConcurrentChange.inserting(changes.first?.key.orderID ?? "") {
            try connection.pipeline { pipeline in
                if !new.isEmpty { insert(new, in: &pipeline) }
                if !known.isEmpty { update(known, in: &pipeline) }
            }
        }
        guard answers.reduce(0, { $0 + $1.affected }) == changes.count else {
            throw ConcurrentChange(streamID: changes[0].key.orderID)
        }
    }

    private static func insert(_ changes: [Change], in pipeline: inout Pipeline) {
        pipeline.query(
            """
            INSERT INTO shipments (tenant, order_id, status, shipment_id, reason, tracking_number, address)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
            """,
            [
                .textArray(changes.map(\.key.tenant)), .textArray(changes.map(\.key.orderID)),
                .textArray(changes.map(\.shipment.status.rawValue)),
                .textArrayOptional(changes.map(\.shipment.shipmentID)),
                .textArrayOptional(changes.map(\.shipment.reason)),
                .textArrayOptional(changes.map(\.shipment.trackingNumber)),
                .textArrayOptional(changes.map(\.shipment.address)),
            ])
    }

    private static func update(_ changes: [Change], in pipeline: inout Pipeline) {
        pipeline.query(
            """
            UPDATE shipments SET
                status = new.status, reason = new.reason, tracking_number = new.tracking_number, updated_at = now()
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                AS new (tenant, order_id, before, status, reason, tracking_number)
            WHERE shipments.tenant = new.tenant AND shipments.order_id = new.order_id
                AND shipments.status = new.before
            """,
            [
                .textArray(changes.map(\.key.tenant)), .textArray(changes.map(\.key.orderID)),
                .textArray(changes.map { $0.before?.rawValue ?? "" }),
                .textArray(changes.map(\.shipment.status.rawValue)),
                .textArrayOptional(changes.map(\.shipment.reason)),
                .textArrayOptional(changes.map(\.shipment.trackingNumber)),
            ])
    }
}
