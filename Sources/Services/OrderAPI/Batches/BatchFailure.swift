import Messaging
import OrderflowKit
import Postgres

/// What came to no confirmed order: a line that was refused, or an order that was cancelled.
struct BatchFailure: Sendable {
    enum Status: String, Sendable, CaseIterable { case refused, cancelled }

    /// From 1.
    let line: Int
    let status: Status
    /// Nil for a refused line.
    let orderID: String?
    /// Where in a refused line (RFC 6901).
    let pointer: String?
    let reason: String
    /// Microseconds since the Unix epoch.
    let at: Int64

    /// Why orders were cancelled.
    static func keep(_ cancelled: [(end: BatchFanIn.End, reason: String)], in pipeline: inout Pipeline) {
        pipeline.query(
            """
            INSERT INTO batch_failures (tenant, batch_id, line, status, order_id, reason)
            SELECT tenant, batch_id, line, '\(Status.cancelled.rawValue)', order_id, reason
            FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[])
                AS t (tenant, batch_id, line, order_id, reason)
            ON CONFLICT DO NOTHING
            """,
            [
                .textArray(cancelled.map(\.end.batch.tenant)), .textArray(cancelled.map(\.end.place.batchID)),
                .int4Array(cancelled.map { Int32(clamping: $0.end.place.line) }),
                .textArray(cancelled.map(\.end.order.orderID)), .textArray(cancelled.map(\.reason)),
            ])
    }

    /// Those of a batch, by line, and where the next page starts; nil after the last one.
    static func page(
        of key: BatchKey, after cursor: Cursor?, limit: Int, on connection: Connection
    ) throws -> (failures: [BatchFailure], next: Cursor?) {
        let rows = try connection.query(
            """
            SELECT line, status, order_id, pointer, reason, at FROM batch_failures
            WHERE tenant = $1 AND batch_id = $2 AND (line, status) > ($3, $4)
            ORDER BY line, status
            LIMIT $5
            """,
            [
                .text(key.tenant), .text(key.batchID), .int4(cursor?.line ?? 0), .text(cursor?.status ?? ""),
                .int8(Int64(limit) + 1),
            ])
        let failures = try rows.prefix(limit).map { row in
            let status = try row.get(1, as: String.self)
            guard let known = Status(rawValue: status) else {
                throw UnknownStatus(table: "batch_failures", status: status)
            }
            return BatchFailure(
                line: Int(try row.get(0, as: Int32.self)), status: known, orderID: try row.get(2),
                pointer: try row.get(3), reason: try row.get(4), at: try row.get(5, as: Timestamp.self).microseconds)
        }
        guard rows.count > limit, let last = failures.last else { return (failures, nil) }
        return (failures, Cursor(line: Int32(clamping: last.line), status: last.status.rawValue))
    }

    /// A place in the list of a batch's failures.
    struct Cursor: PageCursor {
        /// Of the last one that was shown.
        let line: Int32
        let status: String

        init(line: Int32, status: String) {
            self.line = line
            self.status = status
        }

        init?(encoded text: String) {
            guard let parts = CursorText.read(text, parts: 2), let line = Int32(parts[0]), line >= 0,
                Status(rawValue: parts[1]) != nil
            else { return nil }
            self.init(line: line, status: parts[1])
        }

        var encoded: String { CursorText.write([String(line), status]) }
    }
}
