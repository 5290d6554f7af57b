import Messaging
import OrderflowKit
import Orders
import Postgres

/// The `reservations` and `reservation_lines` tables.
enum ReservationStore {
    /// A reservation with the version that it was read at; 0 for one that isn't stored yet.
    struct Entry: Sendable {
        var reservation: StockReservation?
        var heard = HeardMessages()
        var version: Int32 = 0
    }

    /// Reads the reservations of these orders. Nothing is locked: their versions say whether anybody has changed them since.
    static func load(_ keys: [OrderKey], on connection: Connection) throws -> [OrderKey: Entry] {
        guard !keys.isEmpty else { return [:] }
        let rows = try connection.query(
            """
            SELECT tenant, order_id, status, reason, sku, version, heard FROM reservations
            WHERE (tenant, order_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
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
                heard: HeardMessages(stored: try row.get(6, as: String?.self)),
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

    /// Writes reservations that nobody has changed since they were read; else `ConcurrentChange`. Returns what is stored now.
    static func save(
        _ entries: [(OrderKey, Entry)], on connection: Connection
    ) throws -> [(key: OrderKey, row: Entry)] {
        let rows = entries.compactMap { key, entry in
            entry.reservation.map { (key: key, reservation: $0, heard: entry.heard, version: entry.version) }
        }
        guard !rows.isEmpty else { return [] }
        let (new, known) = (rows.filter { $0.version == 0 }, rows.filter { $0.version > 0 })
        // Lines never change: they are written with the reservation's first version.
        let lines = new.flatMap { row in
            row.reservation.lines.enumerated().map { (row.key, Int32($0.offset), $0.element) }
        }
        let answers = try ConcurrentChange.inserting(rows[0].key.orderID) {
            try connection.pipeline { pipeline in
                if !known.isEmpty { update(known, in: &pipeline) }
                if !new.isEmpty { insert(new, in: &pipeline) }
                if !lines.isEmpty { insert(lines, in: &pipeline) }
            }
        }
        guard answers.reduce(0, { $0 + $1.affected }) == rows.count + lines.count else {
            throw ConcurrentChange(streamID: rows[0].key.orderID)
        }
        return rows.map { ($0.key, Entry(reservation: $0.reservation, heard: $0.heard, version: $0.version + 1)) }
    }

    private typealias Stored = (key: OrderKey, reservation: StockReservation, heard: HeardMessages, version: Int32)

    private static func insert(_ rows: [Stored], in pipeline: inout Pipeline) {
        pipeline.query(
            """
            INSERT INTO reservations (tenant, order_id, status, reason, sku, version, heard)
            SELECT tenant, order_id, status, reason, sku, 1, heard
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                AS new (tenant, order_id, status, reason, sku, heard)
            """,
            [
                .textArray(rows.map(\.key.tenant)), .textArray(rows.map(\.key.orderID)),
                .textArray(rows.map(\.reservation.status.rawValue)),
                .textArrayOptional(rows.map(\.reservation.reason)), .textArrayOptional(rows.map(\.reservation.sku)),
                .textArrayOptional(rows.map(\.heard.text)),
            ])
    }

    private static func update(_ rows: [Stored], in pipeline: inout Pipeline) {
        pipeline.query(
            """
            UPDATE reservations SET
                status = new.status, version = reservations.version + 1, heard = new.heard, updated_at = now()
            FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[])
                AS new (tenant, order_id, version, status, heard)
            WHERE reservations.tenant = new.tenant AND reservations.order_id = new.order_id
                AND reservations.version = new.version
            """,
            [
                .textArray(rows.map(\.key.tenant)), .textArray(rows.map(\.key.orderID)),
                .int4Array(rows.map(\.version)), .textArray(rows.map(\.reservation.status.rawValue)),
                .textArrayOptional(rows.map(\.heard.text)),
            ])
    }

    private static func insert(
        _ lines: [(key: OrderKey, position: Int32, line: StockReservation.Line)], in pipeline: inout Pipeline
    ) {
        pipeline.query(
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
