import Kafka
import Postgres

/// Messages that a group could not handle, with everything that came after them under the same key.
///
/// A key with a dead letter is *parked*: its later messages queue up behind the dead one, in order, while other keys
/// flow on. An operator's retry or discard releases the key in order (`RedeliveryWorker`). A forged record parks nothing:
/// its letter has a key of its own (`ParkingKey`).
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
        var parked = anyParked ? try ParkedKeys.lock(records.lazy.map(\.parkingKey), group: group, on: connection) : []
        let anyMalformed = records.contains { $0.malformed != nil }
        if parked.isEmpty, !anyMalformed, verdict == nil { return records }
        var flowing: [ConsumedRecord] = []
        var waiting: [Letter] = []
        for record in records {
            if record.skipped {
                flowing.append(record)
            } else if parked.contains(record.parkingKey) {
                waiting.append(
                    Letter(record: record, status: "parked", error: "waits behind a dead letter", attempts: 0))
            } else if let verdict = record.malformed.map({ Verdict(error: $0, attempts: 1) }) ?? verdict {
                let letter = Letter(record: record, status: "dead", error: verdict.error, attempts: verdict.attempts)
                guard try !insert([letter], group: group, on: connection).isEmpty else {
                    // Read again after a reset of the offsets: it was decided on already.
                    result.repeated += 1
                    continue
                }
                try ParkedKeys.park(record.parkingKey, group: group, on: connection)
                try publish(record, group: group, verdict: verdict, on: connection)
                parked.insert(record.parkingKey)
                result.deadLettered += 1
                result.wroteOutbox = true
            } else {
                flowing.append(record)
            }
        }
        let new = try insert(waiting, group: group, on: connection)
        try ParkedKeys.count(
            new.reduce(into: [:]) { $0[$1.record.parkingKey, default: 0] += 1 }, group: group, on: connection)
        result.parked += new.count
        result.repeated += waiting.count - new.count
        return flowing
    }

    /// One about to be written.
    private struct Letter {
        let record: ConsumedRecord
        let status: String
        let error: String
        let attempts: Int
    }

    /// Returns those that had no letter yet, open or ended. Two statements at most, so that messages are parked about
    /// as fast as they are handled.
    private static func insert(_ letters: [Letter], group: String, on connection: Connection) throws -> [Letter] {
        var new = try insertNew(letters, group: group, on: connection)
        guard new.count < letters.count else { return letters }
        let old = letters.filter { !new.contains($0.record.source) }.map(\.record)
        // A letter whose record Kafka has lost makes room for the one that has its offset now.
        let moved = try connection.execute(
            """
            UPDATE dead_letters d SET "offset" = -d.id
            FROM unnest($2::text[], $3::int[], $4::bigint[], $5::timestamptz[]) AS r (topic, partition, "offset", time)
            WHERE d.consumer_group = $1 AND d.topic = r.topic AND d.partition = r.partition
              AND d."offset" = r."offset" AND d.record_time <> r.time
            """,
            [
                .text(group), .textArray(old.map(\.source.topic)), .int4Array(old.map(\.source.partition)),
                .int8Array(old.map(\.source.offset)), .timestampArray(old.map(\.time)),
            ])
        if moved > 0 {
            let rest = letters.filter { !new.contains($0.record.source) }
            new.formUnion(try insertNew(rest, group: group, on: connection))
        }
        return letters.filter { new.contains($0.record.source) }
    }

    /// Ids grow in the order of the letters.
    private static func insertNew(
        _ letters: [Letter], group: String, on connection: Connection
    ) throws -> Set<InboundMessage.Source> {
        guard !letters.isEmpty else { return [] }
        let records = letters.map(\.record)
        let rows = try connection.query(
            """
            INSERT INTO dead_letters
                (consumer_group, topic, partition, "offset", key, record_key, value, headers, record_time, status, error, attempts)
            SELECT $1, l.* FROM unnest(
                $2::text[], $3::int[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[], $8::jsonb[], $9::timestamptz[],
                $10::text[], $11::text[], $12::int[]) AS l
            ON CONFLICT (consumer_group, topic, partition, "offset") DO NOTHING
            RETURNING topic, partition, "offset"
            """,
            [
                .text(group), .textArray(records.map(\.source.topic)), .int4Array(records.map(\.source.partition)),
                .int8Array(records.map(\.source.offset)), .textArray(records.map(\.parkingKey.key)),
                .bytesArrayOptional(records.map(\.recordKey)), .bytesArrayOptional(records.map(\.value)),
                .jsonbArray(records.map { LetterHeaders.json(LetterHeaders.all(of: $0.record)) }),
                .timestampArray(records.map(\.time)),
                .textArray(letters.map(\.status)), .textArray(letters.map { stored($0.error) }),
                .int4Array(letters.map { Int32(clamping: $0.attempts) }),
            ])
        return Set(
            try rows.map {
                InboundMessage.Source(
                    topic: try $0.get(0, as: String.self), partition: try $0.get(1, as: Int32.self),
                    offset: try $0.get(2, as: Int64.self))
            })
    }

    /// The words of an error as a column and a header can take them.
    static func stored(_ error: String) -> String {
        String(String.UnicodeScalarView(error.withoutNUL.unicodeScalars.prefix(2_000)))
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
