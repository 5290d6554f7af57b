import Messaging
import OrderflowKit
import Postgres

/// Compares a replica with the event store that its facts come from: some streams at a time, whose events are folded again
/// as the replica's group folds them.
///
/// A row that has heard of a later fact, which another producer may have said, is right; one that lacks what the event
/// store has said, or says something else in its name, isn't.
struct ReplicaCheck: Sendable {
    /// A stream of the event store.
    struct StreamName: Hashable, Sendable, Comparable {
        let tenant: String
        let id: String

        static func < (a: StreamName, b: StreamName) -> Bool { (a.tenant, a.id) < (b.tenant, b.id) }
    }

    let replica: Replica
    /// That keeps it.
    let group: String
    /// Of the streams that its facts are in.
    let categories: Set<String>

    /// Streams that the next events after `position` say something of for the replica.
    ///
    /// - Parameter limit: of events that are looked at, most of which may be others' business.
    /// - Returns: with them the last event's position; nil at the end.
    func streams(
        after position: Int64, limit: Int, on orders: Connection
    ) throws -> (streams: Set<StreamName>, last: Int64?) {
        let rows = try orders.query(
            """
            WITH next AS MATERIALIZED (
                SELECT tenant, stream_id, category, type, position FROM events
                WHERE position > $1 ORDER BY position LIMIT $2
            )
            SELECT tenant, stream_id, NULL::bigint FROM next WHERE category = ANY($3::text[]) AND type = ANY($4::text[])
            UNION ALL SELECT NULL, NULL, max(position) FROM next HAVING count(*) = $2
            """,
            [
                .int8(position), .int(limit), .textArray(categories.sorted()),
                .textArray(replica.facts.types.sorted()),
            ])
        var streams: Set<StreamName> = []
        var last: Int64?
        for row in rows {
            if let tenant = try row.get(0, as: String?.self) {
                streams.insert(StreamName(tenant: tenant, id: try row.get(1, as: String.self)))
            } else {
                last = try row.get(2, as: Int64?.self)
            }
        }
        return (streams, last)
    }

    /// What of these streams the replica hasn't got as it should, in words, and how many were compared.
    ///
    /// - Parameter settledBefore: microseconds since the Unix epoch; streams that have changed since aren't judged.
    func differences(
        of streams: [StreamName], settledBefore: Int64, orders: Connection, replica connection: Connection
    ) throws -> (compared: Int, found: [StreamName: String]) {
        let first = try look(at: streams, settledBefore, orders, connection)
        guard !first.found.isEmpty else { return first }
        // A stream, or its row, may have moved on between the two looks.
        let again = try look(at: first.found.keys.sorted(), settledBefore, orders, connection)
        let unpublished = try unpublished(of: again.found.keys.sorted(), on: orders)
        return (first.compared, again.found.filter { first.found[$0.key] != nil && !unpublished.contains($0.key) })
    }

    private func look(
        at streams: [StreamName], _ settledBefore: Int64, _ orders: Connection, _ connection: Connection
    ) throws -> (compared: Int, found: [StreamName: String]) {
        guard !streams.isEmpty else { return (0, [:]) }
        let events = try EventStore.load(
            tenants: streams.map(\.tenant), streamIDs: streams.map(\.id), categories: categories, on: orders)
        var changedAt: [StreamName: Int64] = [:]
        for event in events {
            changedAt[StreamName(tenant: event.tenant, id: event.streamID), default: .min] = event.createdAt
        }
        var fold = ReplicaFold(replica)
        var owners: [ReplicaKey: StreamName] = [:]
        var recordKeys: [StreamName: String] = [:]
        for event in events where replica.facts.types.contains(event.type) {
            let stream = StreamName(tenant: event.tenant, id: event.streamID)
            guard changedAt[stream] ?? .max < settledBefore else { continue }
            let message = try InboundMessage(event)
            // What today's door refuses, the group has refused too.
            guard let fact = try? message.payload(of: replica.facts) else { continue }
            for key in fold.add(fact, of: message) { owners[key] = stream }
            recordKeys[stream] = fact.key
        }
        var found: [StreamName: String] = [:]
        for difference in try fold.differences(on: connection) {
            guard let stream = owners[difference.key] else { continue }
            found[stream] = "\(difference.key) \(difference.text)"
        }
        // What is parked waits for an operator, who knows.
        let parked = try parked(found.keys.compactMap { recordKeys[$0] }, on: connection)
        return (
            recordKeys.count, found.filter { stream, _ in recordKeys[stream].map { !parked.contains($0) } ?? true }
        )
    }

    private func parked(_ keys: [String], on connection: Connection) throws -> Set<String> {
        guard !keys.isEmpty else { return [] }
        let rows = try connection.query(
            "SELECT key FROM parked_keys WHERE consumer_group = $1 AND key = ANY($2::text[])",
            [.text(group), .textArray(keys)])
        return Set(try rows.map { try $0.get(0, as: String.self) })
    }

    /// Those of which the relay has yet to publish something.
    private func unpublished(of streams: [StreamName], on orders: Connection) throws -> Set<StreamName> {
        guard !streams.isEmpty else { return [] }
        let published = try RelayCheckpointStore.published("events", on: orders)
        let rows = try orders.query(
            """
            SELECT DISTINCT tenant, stream_id FROM events
            WHERE (tenant, stream_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
              AND pg_visible_in_snapshot(txid, $3::pg_snapshot) IS NOT TRUE
            """,
            [
                .textArray(streams.map(\.tenant)), .textArray(streams.map(\.id)), published.map { .text($0) } ?? .null,
            ])
        return Set(
            try rows.map { StreamName(tenant: try $0.get(0, as: String.self), id: try $0.get(1, as: String.self)) })
    }
}
