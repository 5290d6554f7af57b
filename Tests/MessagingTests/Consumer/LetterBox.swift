import Execution
import Postgres
import TestServers

@testable import Messaging

/// A group's dead letters in a database, without a broker: as many as a test wants, at once.
struct LetterBox {
    let database: PostgresConfiguration
    let connection: Connection
    let ledger = Ledger()
    let group = "group"

    init() throws {
        database = try freshDatabase(ConsumerFixture.schema)
        connection = try Connection(database, logger: quiet)
    }

    /// A letter of each key, with `behind` parked behind it. The payload of number n is `{"n":n}` or what `payload` says.
    func fill(_ keys: [String], behind: Int, payload: String = "'{\"n\":' || n || '}'") throws {
        _ = try connection.execute(
            """
            INSERT INTO dead_letters
                (consumer_group, topic, partition, "offset", key, record_key, value, headers, record_time, status, error)
            SELECT $1, 'facts', 0, (SELECT count(*) FROM dead_letters) + row_number() OVER (ORDER BY n, k.key), k.key,
                   convert_to(k.key, 'UTF8'),
                   convert_to('{"type":"Noted","version":1,"payload":' || \(payload) || '}', 'UTF8'),
                   '{}', now(), CASE WHEN n = 0 THEN 'dead' ELSE 'parked' END, 'broken'
            FROM unnest($2::text[]) AS k (key), generate_series(0, $3::int) AS n
            ORDER BY n, k.key
            """, [.text(group), .textArray(keys), .int4(Int32(behind))])
        _ = try connection.execute(
            "INSERT INTO parked_keys (consumer_group, topic, key, waiting) SELECT $1, 'facts', unnest($2::text[]), $3",
            [.text(group), .textArray(keys), .int(behind)])
        try connection.script("ANALYZE dead_letters; ANALYZE parked_keys")
    }

    /// Handles what is asked for, until nothing is. Returns how many letters moved.
    @discardableResult
    func release(by handler: (any BatchHandler)? = nil) throws -> Int {
        let handler = handler ?? ledger
        let batch = RedeliveryBatch(
            group: group, handler: handler, reader: RecordReader(types: handler.types) { _ in nil }, usesInbox: true,
            traces: nil)
        var moved = 0
        while true {
            let outcome = try connection.transaction { try batch.run(limit: 500, bytes: 16 << 20, on: $0) }
            guard let outcome else { return moved }
            moved += outcome.handled.count + outcome.failed.count
        }
    }

    /// Payloads as they were handled, by key.
    func notes() throws -> [String: [String]] {
        var notes: [String: [String]] = [:]
        for row in try connection.query("SELECT key, payload FROM notes ORDER BY n") {
            notes[try row.get(0, as: String.self), default: []].append(try row.get(1, as: String.self))
        }
        return notes
    }

    /// Statuses of a key's letters, in order.
    func statuses(_ key: String) throws -> [String] {
        try connection.query("SELECT status FROM dead_letters WHERE key = $1 ORDER BY id", [.text(key)])
            .map { try $0.get(0, as: String.self) }
    }

    /// Parked keys whose count of waiting messages isn't what it should be.
    func miscounted() throws -> [String] {
        try connection.query(
            """
            SELECT key || ' ' || waiting FROM parked_keys k WHERE waiting <> (
                SELECT count(*) FROM dead_letters d WHERE d.key = k.key AND d.status = 'parked')
            """
        ).map { try $0.get(0, as: String.self) }
    }

    func count(_ sql: String) throws -> Int { try connection.query("SELECT count(*) FROM \(sql)").one().get(0) }
}

/// Writes all of a batch down with one statement.
struct BulkLedger: BatchHandler {
    let types: Set<String> = ["Noted"]

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        _ = try connection.execute(
            "INSERT INTO notes (key, id, payload) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])",
            [
                .textArray(messages.map(\.key)), .textArray(messages.map(\.id)),
                .textArray(messages.map { String(decoding: $0.payload, as: UTF8.self) }),
            ])
    }
}
