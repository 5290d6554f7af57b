import Logging
import Postgres
import Telemetry

/// A dead or parked letter as the redelivery reads it back.
struct StoredLetter {
    let id: Int64
    let status: String
    private let source: InboundMessage.Source
    private let recordKey: [UInt8]?
    /// Nil for a tombstone.
    private let value: [UInt8]?
    private let headers: [UInt8]
    private let recordTime: Int64

    /// The open letters of a key, in the order of their records.
    static func open(
        of key: ParkingKey, group: String, limit: Int, on connection: Connection
    ) throws -> [StoredLetter] {
        try decode(
            connection.query(
                """
                \(select)
                WHERE consumer_group = $1 AND topic = $2 AND key = $3 AND status IN ('dead', 'parked', 'retry')
                ORDER BY id LIMIT $4
                """, [.text(group), .text(key.topic), .text(key.key), .int8(Int64(limit))]))
    }

    /// Letters by their ids, in the order of their records.
    static func letters(_ ids: [Int64], on connection: Connection) throws -> [StoredLetter] {
        try decode(connection.query("\(select) WHERE id = ANY($1) ORDER BY id", [.int8Array(ids)]))
    }

    private static let select = """
        SELECT id, status, topic, partition, "offset", record_key, value, headers::text, record_time
        FROM dead_letters
        """

    private static func decode(_ rows: Rows) throws -> [StoredLetter] {
        try rows.map { row in
            StoredLetter(
                id: try row.get(0, as: Int64.self), status: try row.get(1, as: String.self),
                source: InboundMessage.Source(
                    topic: try row.get(2, as: String.self), partition: try row.get(3, as: Int32.self),
                    offset: try row.get(4, as: Int64.self)),
                recordKey: try row.get(5, as: [UInt8]?.self), value: try row.get(6, as: [UInt8]?.self),
                headers: Array(try row.get(7, as: String.self).utf8),
                recordTime: try row.get(8, as: Timestamp.self).microseconds)
        }
    }

    /// What a copy of the message would be recognised by (`EventIdentity`).
    func identity() throws -> String {
        let envelope = try envelope()
        return EventIdentity.text(
            source: envelope.source, id: envelope.id ?? source.messageID(recordTime: recordTime))
    }

    private func envelope() throws -> EnvelopeHeaders {
        var envelope = EnvelopeHeaders()
        try headers.withUnsafeBytes { json in try LetterHeaders.read(json) { envelope.take($0, $1) } }
        return envelope
    }

    /// The message again; nil for one that the group has lost interest in. Throws when it still can't be handled.
    func message(by reader: RecordReader) throws -> InboundMessage? {
        let envelope = try envelope()
        let verdict = Self.withBytes(value) { value in
            Self.withBytes(recordKey) { key in
                EnvelopeDecoder.decode(
                    value: value, key: key, headers: envelope, source: source, recordTime: recordTime, by: reader)
            }
        }
        switch verdict {
        case .event(let message): return message
        case .nothing: return nil
        case .poison(let reason): throw MessageRejected(reason)
        }
    }

    private static func withBytes<Result>(
        _ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Result
    ) -> Result {
        guard let bytes else { return body(nil) }
        return bytes.withUnsafeBytes { body($0) }
    }

    func logFields(keyField: String) -> Logger.Metadata {
        var fields: Logger.Metadata = [
            "letter": "\(id)", "topic": "\(source.topic)", "partition": "\(source.partition)",
            "offset": "\(source.offset)", keyField: "\(recordKey.map { String(decoding: $0, as: UTF8.self) } ?? "")",
        ]
        guard let envelope = try? envelope() else { return fields }
        fields["tenant"] = "\(envelope.tenant ?? TenantName.standard)"
        fields["correlation_id"] = (envelope.correlationID ?? envelope.id).map { "\($0)" }
        return fields.merging(TraceContext.logFields(envelope.traceparent)) { $1 }
    }

    func mark(_ status: String, error: String?, on connection: Connection) throws {
        _ = try connection.execute(
            """
            UPDATE dead_letters SET status = $2, error = COALESCE($3, error), updated_at = now(),
                attempts = attempts + CASE WHEN $3 IS NULL THEN 0 ELSE 1 END
            WHERE id = $1
            """, [.int8(id), .text(status), error.map { .text(DeadLetters.stored($0)) } ?? .null])
    }
}
