import Kafka
import Postgres

/// Messages that a group could not handle, with everything that came after them under the same key.
///
/// A key with a dead letter is *parked*: its later messages queue up behind the dead one, in order, while other keys
/// flow on. An operator's retry or discard releases the key in order (`RedeliveryWorker`).
public enum DeadLetters {
    /// Why a message was given up.
    struct Verdict {
        let error: String
        let attempts: Int
    }

    /// Whether the group has any parked key.
    static func isAnyParked(group: String, on connection: Connection) throws(PostgresError) -> Bool {
        try connection.query("SELECT EXISTS (SELECT FROM parked_keys WHERE consumer_group = $1)", [.text(group)])
            .one().get(0)
    }

    /// Takes out of `records` what must not be handled now: malformed records, everything when there is a `verdict`,
    /// and messages whose key is parked, which is looked up where `anyParked`. Returns the rest in order.
    static func divert(
        _ records: [ConsumedRecord], group: String, anyParked: Bool, verdict: Verdict?, on connection: Connection,
        result: inout BatchResult
    ) throws -> [ConsumedRecord] {
        var parked = anyParked ? try parkedKeys(of: records, group: group, on: connection) : []
        let anyMalformed = records.contains { $0.malformed != nil }
        if parked.isEmpty, !anyMalformed, verdict == nil { return records }
        var flowing: [ConsumedRecord] = []
        for record in records {
            if record.skipped {
                flowing.append(record)
            } else if parked.contains(record.parkingKey) {
                let isNew = try insert(
                    record, group: group, status: "parked", error: "waits behind a dead letter", attempts: 0,
                    on: connection)
                if isNew { result.parked += 1 } else { result.repeated += 1 }
            } else if let verdict = record.malformed.map({ Verdict(error: $0, attempts: 1) }) ?? verdict {
                let isNew = try insert(
                    record, group: group, status: "dead", error: verdict.error, attempts: verdict.attempts,
                    on: connection)
                guard isNew else {
                    // Read again after a reset of the offsets: somebody has decided on it already.
                    result.repeated += 1
                    continue
                }
                try park(record.parkingKey, group: group, on: connection)
                try publish(record, group: group, verdict: verdict, on: connection)
                parked.insert(record.parkingKey)
                result.buried += 1
                result.wroteOutbox = true
            } else {
                flowing.append(record)
            }
        }
        return flowing
    }

    /// Parked keys among those of `records`, locked so that a release waits for this transaction or this for it.
    private static func parkedKeys(
        of records: [ConsumedRecord], group: String, on connection: Connection
    ) throws -> Set<ParkingKey> {
        let keys = Set(records.map(\.parkingKey)).sorted()
        let rows = try connection.query(
            """
            SELECT topic, key FROM parked_keys
            WHERE consumer_group = $1 AND (topic, key) IN (SELECT * FROM unnest($2::text[], $3::text[]))
            ORDER BY topic, key
            FOR UPDATE
            """, [.text(group), .textArray(keys.map(\.topic)), .textArray(keys.map(\.key))])
        var parked: Set<ParkingKey> = []
        for row in rows {
            parked.insert(ParkingKey(topic: try row.get(0, as: String.self), key: try row.get(1, as: String.self)))
        }
        return parked
    }

    /// False for a record that has its letter, open or ended.
    private static func insert(
        _ record: ConsumedRecord, group: String, status: String, error: String, attempts: Int, on connection: Connection
    ) throws -> Bool {
        // A letter whose record Kafka has lost makes room for the one that has its offset now.
        _ = try connection.execute(
            """
            UPDATE dead_letters SET "offset" = -id
            WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND "offset" = $4 AND record_time <> $5
            """,
            [
                .text(group), .text(record.source.topic), .int4(record.source.partition), .int8(record.source.offset),
                .timestamp(record.time),
            ])
        return try connection.execute(
            """
            INSERT INTO dead_letters
                (consumer_group, topic, partition, "offset", key, record_key, value, headers, record_time, status, error, attempts)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT (consumer_group, topic, partition, "offset") DO NOTHING
            """,
            [
                .text(group), .text(record.source.topic), .int4(record.source.partition), .int8(record.source.offset),
                .text(record.parkingKey.key), record.recordKey.map { .bytes($0) } ?? .null,
                record.value.map { .bytes($0) } ?? .null,
                .jsonb(LetterHeaders.json(LetterHeaders.all(of: record.record))), .timestamp(record.time),
                .text(status), .text(stored(error)), .int4(Int32(attempts)),
            ]) > 0
    }

    /// The words of an error as a column and a header can take them.
    static func stored(_ error: String) -> String {
        String(String.UnicodeScalarView(error.withoutNUL.unicodeScalars.prefix(2_000)))
    }

    private static func park(_ key: ParkingKey, group: String, on connection: Connection) throws {
        _ = try connection.execute(
            "INSERT INTO parked_keys (consumer_group, topic, key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            [.text(group), .text(key.topic), .text(key.key)])
    }

    /// The same letter on `<topic>.<group>.dlt`, for those who watch topics: as the bytes that came in, or as much of
    /// them as a record takes.
    private static func publish(
        _ record: ConsumedRecord, group: String, verdict: Verdict, on connection: Connection
    ) throws {
        let copy = DeadLetterCopy(record, group: group, verdict)
        _ = try connection.execute(
            """
            INSERT INTO outbox (topic, key, type, schema_version, metadata, raw) VALUES ($1, $2, '', 0, $3, $4)
            """,
            [
                .text(topic(of: record.source.topic, group: group)), .text(copy.key),
                .json(LetterHeaders.json(copy.headers)), .bytes(copy.value),
            ])
    }

    /// The dead letter topic of a group's topic.
    public static func topic(of topic: String, group: String) -> String { "\(topic).\(group).dlt" }
}
