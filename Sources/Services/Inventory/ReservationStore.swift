import Messaging
import OrderflowKit
import Orders
import Postgres

/// The `reservations` and `reservation_lines` tables.
enum ReservationStore {
    /// A reservation with the version that it was read at; 0 for one that isn't stored yet.
    struct Entry: Sendable {
        var reservation: StockReservation?
        var version: Int32 = 0
    }

    /// Reads and locks the reservations of these orders.
    static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: Entry] {
        guard !keys.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            SELECT tenant, order_id, status, reason, sku, version FROM reservations
            WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            ORDER BY tenant, order_id
            FOR UPDATE
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))])
        var entries: [OrderKey: Entry] = [:]
        for row in rows {
            let text = try row.get(2, as: String.self)
            guard let status = StockReservation.Status(rawValue: text) else {
                throw UnknownStatus(table: "reservations", status: text)
            }
            let key = try OrderKey(row)
            entries[key] = Entry(
                reservation: StockReservation(
                    status: status, reason: try row.get(3, as: String?.self), sku: try row.get(4, as: String?.self)),
                version: try row.get(5, as: Int32.self))
        }
        for (key, line) in try lines(entries.keys.sorted(), on: connection) {
            entries[key]?.reservation?.lines.append(line)
        }
        return entries
    }

    private static func lines(
        _ keys: [OrderKey], on connection: Connection
    ) throws -> [(OrderKey, StockReservation.Line)] {
        guard !keys.isEmpty else { return [] }
        return try connection.query(
            """
            SELECT tenant, order_id, sku, quantity, counted FROM reservation_lines
            WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            ORDER BY tenant, order_id, position
            """, [.textArray(keys.map(\.tenant)), .textArray(keys.map(\.orderID))]
        ).map { row in
            (
                try OrderKey(row),
                StockReservation.Line(
                    sku: try row.get(2, as: String.self), quantity: Int(try row.get(3, as: Int64.self)),
                    isCounted: try row.get(4, as: Bool.self))
            )
        }
    }

    /// Writes reservations that nobody has changed since they were read; else `ConcurrentChange`.
    static func save(_ entries: [(OrderKey, Entry)], on connection: Connection) throws {
        let rows = entries.compactMap { key, entry in
            entry.reservation.map { (key: key, reservation: $0, version: entry.version) }
        }
        guard !rows.isEmpty else { return }
        let written = try connection.execute(
            """
            INSERT INTO reservations (tenant, order_id, status, reason, sku, version)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[])
            ON CONFLICT (tenant, order_id) DO UPDATE SET
                status = excluded.status, version = excluded.version, updated_at = now()
                WHERE reservations.version = excluded.version - 1
            """,
            [
                .textArray(rows.map(\.key.tenant)), .textArray(rows.map(\.key.orderID)),
                .textArray(rows.map(\.reservation.status.rawValue)),
                .textArrayOptional(rows.map(\.reservation.reason)), .textArrayOptional(rows.map(\.reservation.sku)),
                .int4Array(rows.map { $0.version + 1 }),
            ])
        guard written == rows.count else { throw ConcurrentChange(streamID: rows[0].key.orderID) }
        // Lines never change: they are written with the reservation's first version.
        let lines = rows.filter { $0.version == 0 }.flatMap { row in
            row.reservation.lines.enumerated().map { (key: row.key, position: Int32($0.offset), line: $0.element) }
        }
        guard !lines.isEmpty else { return }
        _ = try connection.execute(
            """
            INSERT INTO reservation_lines (tenant, order_id, position, sku, quantity, counted)
            SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::bigint[], $6::boolean[])
            """,
            [
                .textArray(lines.map(\.key.tenant)), .textArray(lines.map(\.key.orderID)),
                .int4Array(lines.map(\.position)), .textArray(lines.map(\.line.sku)),
                .int8Array(lines.map { Int64($0.line.quantity) }), .boolArray(lines.map(\.line.isCounted)),
            ])
    }
}
