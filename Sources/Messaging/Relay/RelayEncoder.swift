import JSON
import Kafka
import Postgres

/// Turns rows into Kafka records: the envelope of DESIGN section 3, CloudEvents attributes in headers.
struct RelayEncoder {
    let source: RelaySource
    /// When the oldest event of the last page happened, microseconds since the Unix epoch.
    private(set) var oldestTime: Int64?

    init(source: RelaySource) { self.source = source }

    /// Records of `rows`, in their order. Rows that have no topic are passed over.
    mutating func messages(_ rows: Rows) throws -> [OutgoingMessage] {
        oldestTime = nil
        var messages: [OutgoingMessage] = []
        messages.reserveCapacity(rows.count)
        for row in rows {
            guard let topic = source.topic(try row.get(1, as: String.self)) else { continue }
            if row.isNull(8) {
                messages.append(try event(row, topic: topic))
            } else {
                messages.append(try deadLetter(row, topic: topic))
            }
        }
        return messages
    }

    private mutating func event(_ row: Row, topic: String) throws -> OutgoingMessage {
        let key = try row.get(2, as: String.self)
        let type = try row.get(3, as: String.self)
        let metadata = try row.withBytes(6) { try EventMetadata(json: $0) }
        if oldestTime == nil { oldestTime = metadata.time }
        var headers: [KafkaHeader] = []
        headers.reserveCapacity(12)
        func add(_ name: String, _ value: String?) {
            if let value { headers.append(KafkaHeader(name, Array(value.utf8))) }
        }
        add(EventHeader.specVersion, "1.0")
        add(EventHeader.id, metadata.id)
        add(EventHeader.source, metadata.source)
        add(EventHeader.type, type)
        add(EventHeader.time, RFC3339.text(metadata.time))
        add(EventHeader.subject, key)
        add(EventHeader.contentType, "application/json")
        add(EventHeader.correlationID, metadata.correlationID)
        add(EventHeader.causationID, metadata.causationID)
        add(EventHeader.tenant, metadata.tenant)
        add(EventHeader.streamVersion, try row.get(7, as: Int32?.self).map { String($0) })
        add(EventHeader.traceparent, metadata.traceparent)
        let value = try row.withBytes(5) { data in
            var value: [UInt8] = []
            value.reserveCapacity(data.count + type.utf8.count + 48)
            value.append(contentsOf: #"{"type":"#.utf8)
            JSONWriter.append(type, to: &value)
            value.append(contentsOf: #","version":"#.utf8)
            JSONWriter.append(Int64(try row.get(4, as: Int32.self)), to: &value)
            value.append(contentsOf: #","payload":"#.utf8)
            value.append(contentsOf: data)
            value.append(UInt8(ascii: "}"))
            return value
        }
        return OutgoingMessage(topic: topic, key: Array(key.utf8), value: value, headers: headers)
    }

    /// A dead letter: the bytes that came in, and headers that say where from and why.
    private func deadLetter(_ row: Row, topic: String) throws -> OutgoingMessage {
        let headers = try row.withBytes(6) { json in
            var headers: [KafkaHeader] = []
            var reader = JSONReader(json)
            try reader.readObject { key, reader in
                headers.append(KafkaHeader(key.string, Array(try reader.readString().utf8)))
            }
            return headers
        }
        return OutgoingMessage(
            topic: topic, key: Array(try row.get(2, as: String.self).utf8), value: try row.get(8, as: [UInt8].self),
            headers: headers)
    }
}
