import JSON
import OrderflowKit
import Orders
import Postgres

/// The deliveries of an endpoint, the newest first.
package enum DeliveryList {
    package enum State: String, Sendable, CaseIterable {
        case pending, delivered
    }

    package struct Entry: Sendable {
        package let position: Int64
        package let webhookID: String
        package let type: String
        package let orderKey: String
        package let happenedAt: Int64
        package let heardAt: Int64
        package let state: String
        package let isReplay: Bool
        package let tries: Int
        package let nextAt: Int64
        package let lastStatus: Int?
        package let lastError: String?
        package let doneAt: Int64?
    }

    package static func page(
        of endpoint: Int64, tenant: String, state: State?, before position: Int64?, limit: Int,
        on connection: Connection
    ) throws -> [Entry] {
        // The literal has the smaller index of what is pending taken.
        let condition = state.map { "AND d.state = '\($0.rawValue)'" } ?? ""
        return try connection.query(
            """
            SELECT d.fact, f.webhook_id, f.type, d.order_key, f.happened_at, f.heard_at, d.state, d.is_replay, d.tries,
                   GREATEST(d.next_at, f.heard_at), d.last_status, d.last_error, d.done_at
            FROM deliveries d JOIN facts f ON f.position = d.fact
            WHERE d.endpoint = $1 AND d.tenant = $2 AND d.fact < $3 \(condition)
            ORDER BY d.fact DESC LIMIT $4
            """, [.int8(endpoint), .text(tenant), .int8(position ?? .max), .int(limit)]
        ).map { row in
            Entry(
                position: try row.get(0), webhookID: try row.get(1), type: try row.get(2), orderKey: try row.get(3),
                happenedAt: try row.get(4, as: Timestamp.self).microseconds,
                heardAt: try row.get(5, as: Timestamp.self).microseconds, state: try row.get(6),
                isReplay: try row.get(7), tries: Int(try row.get(8, as: Int32.self)),
                nextAt: try row.get(9, as: Timestamp.self).microseconds,
                lastStatus: try row.get(10, as: Int32?.self).map(Int.init), lastError: try row.get(11),
                doneAt: try row.get(12, as: Timestamp?.self)?.microseconds)
        }
    }
}

/// A place in the list of deliveries.
struct DeliveryCursor: PageCursor, Hashable {
    let position: Int64

    init(position: Int64) { self.position = position }

    init?(encoded text: String) {
        guard let parts = CursorText.read(text, parts: 1), let position = Int64(parts[0], radix: 36), position > 0
        else { return nil }
        self.position = position
    }

    var encoded: String { CursorText.write([String(position, radix: 36)]) }
}

extension JSONWriter {
    mutating func delivery(_ entry: DeliveryList.Entry) {
        object { json in
            json.field("position", entry.position)
            json.field("webhookId", entry.webhookID)
            json.field("type", entry.type)
            json.field("subject", entry.orderKey)
            json.time("time", entry.happenedAt)
            json.time("heardAt", entry.heardAt)
            json.field("state", entry.state)
            json.field("replay", entry.isReplay)
            json.field("tries", entry.tries)
            if let status = entry.lastStatus { json.field("lastStatus", status) }
            json.field("lastError", entry.lastError)
            if let done = entry.doneAt {
                json.time("deliveredAt", done)
            } else {
                json.time("nextTryAt", entry.nextAt)
            }
        }
    }
}
