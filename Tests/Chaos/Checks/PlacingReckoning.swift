import TestShop

/// Holds orders that had a time of their own against what the event store has of them: each was placed once and not
/// before its time, or never.
struct PlacingReckoning {
    let scene: Scene
    /// By id.
    let accepted: [String: OrderBook.Entry]

    private struct Event {
        let type: String
        /// When it was stored, microseconds since the Unix epoch.
        let at: Int64
    }

    func check(_ result: inout CampaignResult) throws {
        let streams = try streams()
        for (id, entry) in accepted.sorted(by: { $0.key < $1.key }) {
            let events = streams[id] ?? []
            guard let placeAt = entry.placeAt else {
                if !events.isEmpty { result.complaints.append("\(id) waited for a time that nobody has named") }
                continue
            }
            let placed = events.filter { $0.type == "OrderCreated" }
            let withdrawn = events.count { $0.type == "OrderWithdrawn" }
            switch (placed.count, withdrawn) {
            case (1, 0):
                result.placed += 1
                if entry.isCancelledInTime {
                    result.complaints.append("\(id) was placed, though it was cancelled before its time")
                }
                if placed[0].at < placeAt {
                    result.complaints.append("\(id) was placed \(placeAt - placed[0].at) µs before its time")
                }
            case (0, 1):
                result.withdrawn += 1
                if !entry.isCancellationAsked {
                    result.complaints.append("\(id) was withdrawn, and nobody asked for it")
                }
            case (0, 0): result.stuck.append("\(id) is neither placed nor withdrawn")
            default: result.doubled.append("\(id) was placed \(placed.count) times and withdrawn \(withdrawn) times")
            }
        }
        for row in try scene.shop.query("SELECT key, type, due_at FROM scheduled_messages", in: "orders") {
            result.stuck.append("\(row[0]): its \(row[1]) still waits, due \(row[2])")
        }
    }

    /// Of orders that waited for their time.
    private func streams() throws -> [String: [Event]] {
        let rows = try scene.shop.query(
            """
            SELECT stream_id, type, (extract(epoch FROM created_at) * 1000000)::bigint
            FROM events e
            WHERE EXISTS (
                SELECT FROM events first
                WHERE first.tenant = e.tenant AND first.stream_id = e.stream_id AND first.version = 1
                    AND first.type = 'OrderScheduled')
            ORDER BY stream_id, version
            """, in: "orders")
        return Dictionary(grouping: rows) { $0[0] }.mapValues { rows in
            rows.map { Event(type: $0[1], at: Int64($0[2]) ?? 0) }
        }
    }
}
