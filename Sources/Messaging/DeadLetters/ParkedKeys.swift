import Postgres

extension Sequence<ParkingKey> {
    /// Two arrays for `unnest`: topics and keys.
    var parameters: [Parameter] { [.textArray(map(\.topic)), .textArray(map(\.key))] }
}

/// Keys of a group that are held up by a dead letter. A key's row is the lock of its letters, and knows how many wait
/// behind the first, so that nobody who looks has to count them.
enum ParkedKeys {
    /// The first open letter of a key: the one that decides.
    struct Head {
        let id: Int64
        let status: String
    }

    /// The parked ones among `keys`, locked so that a release waits for this transaction or this for it.
    static func lock(
        _ keys: some Sequence<ParkingKey>, group: String, on connection: Connection
    ) throws -> Set<ParkingKey> {
        let rows = try connection.query(
            """
            SELECT topic, key FROM parked_keys
            WHERE consumer_group = $1 AND (topic, key) IN (SELECT * FROM unnest($2::text[], $3::text[]))
            ORDER BY topic, key
            FOR UPDATE
            """, [.text(group)] + Set(keys).sorted().parameters)
        return Set(try rows.map(key))
    }

    /// Some keys whose first letter is to be handled again, locked; those that others have are left out.
    static func lockAsked(group: String, limit: Int, on connection: Connection) throws -> [ParkingKey] {
        try connection.query(
            """
            WITH asked AS MATERIALIZED (
                SELECT DISTINCT topic, key FROM dead_letters
                WHERE consumer_group = $1 AND status = 'retry' ORDER BY topic, key LIMIT $2)
            SELECT k.topic, k.key FROM parked_keys k JOIN asked USING (topic, key)
            WHERE k.consumer_group = $1 ORDER BY k.topic, k.key
            FOR UPDATE OF k SKIP LOCKED
            """, [.text(group), .int(limit)]
        ).map(key)
    }

    static func park(_ key: ParkingKey, group: String, on connection: Connection) throws {
        _ = try connection.execute(
            """
            INSERT INTO parked_keys (consumer_group, topic, key) SELECT $1, * FROM unnest($2::text[], $3::text[])
            ON CONFLICT DO NOTHING
            """, [.text(group)] + [key].parameters)
    }

    /// Counts messages that wait behind the first letters of their keys: more of them, or fewer.
    static func count(_ changes: [ParkingKey: Int], group: String, on connection: Connection) throws {
        let changes = changes.filter { $0.value != 0 }.sorted { $0.key < $1.key }
        guard !changes.isEmpty else { return }
        _ = try connection.execute(
            """
            UPDATE parked_keys k SET waiting = greatest(0, k.waiting + c.change)
            FROM unnest($2::text[], $3::text[], $4::bigint[]) AS c (topic, key, change)
            WHERE k.consumer_group = $1 AND k.topic = c.topic AND k.key = c.key
            """, [.text(group)] + changes.map(\.key).parameters + [.int8Array(changes.map { Int64($0.value) })])
    }

    static func heads(
        of keys: some Sequence<ParkingKey>, group: String, on connection: Connection
    ) throws -> [ParkingKey: Head] {
        let rows = try connection.query(
            """
            SELECT k.topic, k.key, head.id, head.status FROM unnest($2::text[], $3::text[]) AS k (topic, key)
            CROSS JOIN LATERAL (
                SELECT id, status FROM dead_letters d
                WHERE d.consumer_group = $1 AND d.topic = k.topic AND d.key = k.key
                  AND d.status IN ('dead', 'parked', 'retry')
                ORDER BY id LIMIT 1) head
            """, [.text(group)] + keys.parameters)
        var heads: [ParkingKey: Head] = [:]
        for row in rows {
            heads[try key(row)] = Head(id: try row.get(2, as: Int64.self), status: try row.get(3, as: String.self))
        }
        return heads
    }

    /// Lets `keys`, whose first letters have ended, go on: what waits is asked for, a key without letters flows again.
    ///
    /// - Parameter ended: how many of those that waited are done with, by key.
    static func moveOn(
        _ keys: some Sequence<ParkingKey>, ended: [ParkingKey: Int] = [:], group: String, on connection: Connection
    ) throws {
        let heads = try Self.heads(of: keys, group: group, on: connection)
        let next = heads.filter { $0.value.status != "retry" }
        if !next.isEmpty {
            _ = try connection.execute(
                "UPDATE dead_letters SET status = 'retry', updated_at = now() WHERE id = ANY($1)",
                [.int8Array(next.values.map(\.id))])
        }
        let free = keys.filter { heads[$0] == nil }
        if !free.isEmpty {
            _ = try connection.execute(
                """
                DELETE FROM parked_keys
                WHERE consumer_group = $1 AND (topic, key) IN (SELECT * FROM unnest($2::text[], $3::text[]))
                """, [.text(group)] + free.parameters)
        }
        var changes = ended.mapValues { -$0 }
        for (key, head) in next where head.status == "parked" { changes[key, default: 0] -= 1 }
        try count(changes, group: group, on: connection)
    }

    private static func key(_ row: Row) throws -> ParkingKey {
        ParkingKey(topic: try row.get(0, as: String.self), key: try row.get(1, as: String.self))
    }
}
