import JSON
import Kafka
import Postgres

/// Turns rows into Kafka records: the envelope of docs/asyncapi.yaml, CloudEvents attributes in headers.
/// A payload that is no JSON, or becomes none here, is its record's whole value, and headers say its type, version and
/// content type.
package struct RelayEncoder {
    let source: RelaySource
    /// When the oldest event of the last page happened, microseconds since the Unix epoch.
    private(set) var oldestTime: Int64?
    /// Of the last event.
    private var priority = Priority.ordinary

    let signatures: Signatures?
    private let routes: RouteTable
    private let formats: RelayFormats?
    private let writer: SchemaPayloads.Writer?

    /// - Parameters:
    ///   - routes: by which facts are copied to further topics.
    ///   - formats: that payloads are sent in; nil leaves all as they are.
    ///   - signatures: that events are signed by; nil for none. What is signed is what is sent.
    package init(
        source: RelaySource, routes: RouteTable = .none, formats: RelayFormats? = nil,
        signatures: Signatures? = .installed
    ) {
        self.source = source
        self.routes = routes
        self.formats = formats
        writer = formats?.writer()
        self.signatures = signatures
    }

    /// Records of `rows`, in their order, each with its copies. Rows that have no topic are passed over.
    mutating func records(_ rows: Rows) throws -> [RelayRecord] {
        oldestTime = nil
        var records: [RelayRecord] = []
        records.reserveCapacity(rows.count)
        for row in rows {
            guard let topic = source.topic(try row.get(1, as: String.self)) else { continue }
            priority = .ordinary
            // An event's bytes have a content type, a dead letter's have their own headers.
            let isCopy = !row.isNull(8) && row.isNull(9)
            var message = isCopy ? try deadLetter(row, topic: topic) : try event(row, topic: topic)
            let position = try row.get(0, as: Int64.self)
            if !isCopy { signatures?.sign(&message) }
            var record = RelayRecord(
                message: message, position: position, isDeadLetter: isCopy, isExpress: priority == .express)
            if !isCopy, routes.watches(topic) {
                record.copies = try copies(of: message, on: topic, row, by: routes)
            }
            records.append(record)
        }
        return records
    }

    /// The record of a row's event, not signed yet.
    mutating func event(_ row: Row, topic: String) throws -> OutgoingMessage {
        let type = try row.get(3, as: String.self)
        let schemaVersion = try row.get(4, as: Int32.self)
        let streamVersion = try row.get(7, as: Int32?.self)
        let contentType = row.isNull(9) ? ContentType.json : ContentType(try row.get(9, as: String.self))
        return try row.withBytes(2) { key in
            try row.withBytes(contentType.isJSON ? 5 : 8) { data in
                try row.withBytes(6) { metadata in
                    try event(
                        topic: topic, key: key, type: type, schemaVersion: schemaVersion, streamVersion: streamVersion,
                        data: data, contentType: contentType, metadata: metadata)
                }
            }
        }
    }

    /// The record of one event.
    package mutating func event(
        topic: String, key: UnsafeRawBufferPointer, type: String, schemaVersion: Int32, streamVersion: Int32?,
        data: UnsafeRawBufferPointer, contentType: ContentType = .json, metadata: UnsafeRawBufferPointer
    ) throws -> OutgoingMessage {
        var encoded: (value: [UInt8], contentType: ContentType)?
        if let formats, let writer, contentType.isJSON {
            encoded = formats.encode(data, topic: topic, type: type, schemaVersion: Int(schemaVersion), by: writer)
        }
        let contentType = encoded?.contentType ?? contentType
        var headers = KafkaHeaders(capacity: Self.headerBytes)
        headers.append(EventHeader.specVersion, "1.0")
        headers.append(EventHeader.type, type)
        headers.append(EventHeader.subject, key)
        headers.append(EventHeader.contentType, contentType.description)
        if let streamVersion { headers.append(EventHeader.streamVersion, String(streamVersion)) }
        priority = .ordinary
        try append(metadata, to: &headers)
        let topic = priority == .express ? source.lanes[topic] ?? topic : topic
        guard contentType.isJSON else {
            headers.append(EventHeader.schemaVersion, String(schemaVersion))
            return OutgoingMessage(
                topic: topic, key: Array(key), value: encoded?.value ?? Array(data), headers: headers)
        }
        var value: [UInt8] = []
        value.reserveCapacity(data.count + type.utf8.count + 48)
        value.append(contentsOf: #"{"type":"#.utf8)
        JSONWriter.append(type, to: &value)
        value.append(contentsOf: #","version":"#.utf8)
        JSONWriter.append(Int64(schemaVersion), to: &value)
        value.append(contentsOf: #","payload":"#.utf8)
        value.append(contentsOf: data)
        value.append(UInt8(ascii: "}"))
        return OutgoingMessage(topic: topic, key: Array(key), value: value, headers: headers)
    }

    /// Enough for the headers of most events.
    private static let headerBytes = 640

    /// Headers of an event's stored metadata, as it is written there: in an outbox an array (`RowMetadata`), but of rows that
    /// have waited for their time or are of before; elsewhere an object.
    private mutating func append(_ metadata: UnsafeRawBufferPointer, to headers: inout KafkaHeaders) throws {
        if RowMetadata.isUsed(in: metadata) {
            return try RowMetadata.read(metadata) { place, text in
                if let name = Self.header(of: place) { append(name, text, to: &headers) }
            }
        }
        var reader = JSONReader(metadata)
        try reader.readObject { key, reader in
            guard let name = Self.header(of: key) else { return try reader.skipValue() }
            try reader.readText { append(name, $0, to: &headers) }
        }
    }

    private mutating func append(_ name: String, _ text: UnsafeRawBufferPointer, to headers: inout KafkaHeaders) {
        if name == EventHeader.time, oldestTime == nil {
            oldestTime = RFC3339.microseconds(utf8: text.assumingMemoryBound(to: UInt8.self))
        }
        if name == EventHeader.priority {
            priority = Priority(attribute: String(decoding: text, as: UTF8.self))
        }
        headers.append(name, text)
    }

    private static func header(of place: RowMetadata.Place) -> String? {
        switch place {
        case .id: EventHeader.id
        case .source: EventHeader.source
        case .time: EventHeader.time
        case .tenant: EventHeader.tenant
        case .correlationID: EventHeader.correlationID
        case .causationID: EventHeader.causationID
        case .traceparent: EventHeader.traceparent
        case .expiresAt: EventHeader.expiryTime
        case .priority: EventHeader.priority
        case .actor, .requestDigest, .batch, .batchLine: nil
        }
    }

    private static func header(of key: JSONKey) -> String? {
        if key == "id" { return EventHeader.id }
        if key == "source" { return EventHeader.source }
        if key == "time" { return EventHeader.time }
        if key == "tenant" { return EventHeader.tenant }
        if key == "correlationId" { return EventHeader.correlationID }
        if key == "causationId" { return EventHeader.causationID }
        if key == "expiresAt" { return EventHeader.expiryTime }
        if key == "priority" { return EventHeader.priority }
        return key == "traceparent" ? EventHeader.traceparent : nil
    }

    /// A dead letter: the bytes that came in, and headers that say where from and why.
    private func deadLetter(_ row: Row, topic: String) throws -> OutgoingMessage {
        let headers = try row.withBytes(6) { json in
            var headers = KafkaHeaders()
            try LetterHeaders.read(json) { headers.append($0, $1) }
            return headers
        }
        return OutgoingMessage(
            topic: topic, key: Array(try row.get(2, as: String.self).utf8), value: try row.get(8, as: [UInt8].self),
            headers: headers)
    }
}
