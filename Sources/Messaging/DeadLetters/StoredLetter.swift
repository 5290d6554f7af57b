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
    /// What it holds up.
    let key: ParkingKey

    /// What it would hold up if it is believed, and if it isn't.
    var keyIfBelieved: ParkingKey { Self.withBytes(recordKey) { ParkingKey($0, of: source) } }
    var keyIfForged: ParkingKey { ParkingKey(ofForged: source) }

    /// The first open letters of each of `keys`, in the order of their records.
    ///
    /// - Parameters:
    ///   - limit: of each key.
    ///   - bytes: of all values together; the first letter comes whatever its size.
    static func open(
        of keys: [ParkingKey], group: String, limit: Int, bytes: Int, on connection: Connection
    ) throws -> [StoredLetter] {
        try decode(
            connection.query(
                """
                SELECT \(columns(withValues: true)) FROM (
                    SELECT d.*, sum(octet_length(d.value)) OVER (ORDER BY d.id ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW) AS before
                    FROM unnest($2::text[], $3::text[]) AS k (topic, key)
                    CROSS JOIN LATERAL (
                        SELECT * FROM dead_letters l
                        WHERE l.consumer_group = $1 AND l.topic = k.topic AND l.key = k.key
                          AND l.status IN ('dead', 'parked', 'retry')
                        ORDER BY l.id LIMIT $4) d) first
                WHERE coalesce(before, 0) < $5 ORDER BY id
                """, [.text(group)] + keys.parameters + [.int(limit), .int(bytes)]))
    }

    /// Letters by their ids, in the order of their records.
    ///
    /// - Parameter withValues: without them, a letter can say what its message is called, but not what is in it.
    static func letters(
        _ ids: [Int64], withValues: Bool = true, on connection: Connection
    ) throws -> [StoredLetter] {
        try decode(
            connection.query(
                """
                SELECT \(columns(withValues: withValues)) FROM dead_letters WHERE id = ANY($1) ORDER BY id
                """, [.int8Array(ids)]))
    }

    private static func columns(withValues: Bool) -> String {
        """
        id, status, topic, partition, "offset", record_key, \(withValues ? "value" : "NULL::bytea"),
        headers::text, record_time, key
        """
    }

    private static func decode(_ rows: Rows) throws -> [StoredLetter] {
        try rows.map { row in
            StoredLetter(
                id: try row.get(0, as: Int64.self), status: try row.get(1, as: String.self),
                source: InboundMessage.Source(
                    topic: try row.get(2, as: String.self), partition: try row.get(3, as: Int32.self),
                    offset: try row.get(4, as: Int64.self)),
                recordKey: try row.get(5, as: [UInt8]?.self), value: try row.get(6, as: [UInt8]?.self),
                headers: Array(try row.get(7, as: String.self).utf8),
                recordTime: try row.get(8, as: Timestamp.self).microseconds,
                key: ParkingKey(topic: try row.get(2, as: String.self), key: try row.get(9, as: String.self)))
        }
    }

    /// Whether a decision was taken on it, rather than on one before it.
    var isHead: Bool { status != "parked" }

    /// What a copy of the message would be recognised by (`EventIdentity`).
    func identity() throws -> String {
        let envelope = try envelope()
        return EventIdentity.text(
            source: envelope.source, id: envelope.id ?? source.messageID(recordTime: recordTime))
    }

    private func envelope(for reader: RecordReader? = nil) throws -> EnvelopeHeaders {
        var envelope = reader.map { EnvelopeHeaders(for: $0) } ?? EnvelopeHeaders()
        try headers.withUnsafeBytes { json in try LetterHeaders.read(json) { envelope.take($0, $1) } }
        return envelope
    }

    /// The message again; nil for one that the group has lost interest in. Throws when it still can't be handled.
    func message(by reader: RecordReader) throws -> InboundMessage? {
        let envelope = try envelope(for: reader)
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
        case .forged(let reason): throw RecordForged(reason)
        case .unavailable(let reason): throw RecordUnavailable(reason)
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
        fields["tenant"] = envelope.owner.map { "\($0)" }
        fields["correlation_id"] = (envelope.correlationID ?? envelope.id).map { "\($0)" }
        return fields.merging(TraceContext.logFields(envelope.traceparent)) { $1 }
    }
}
