import JSON

extension EventMetadata {
    /// As it is stored beside the event.
    package func json() -> [UInt8] {
        var writer = JSONWriter(capacity: 384)
        writer.object { json in
            json.field("id", id)
            json.field("source", source)
            json.key("time")
            json.raw { RFC3339.append(time, to: &$0) }
            json.field("tenant", tenant)
            json.field("correlationId", correlationID)
            json.field("causationId", causationID)
            json.field("traceparent", traceparent)
            json.field("actor", actor)
            json.field("requestDigest", requestDigest)
            json.field("batch", batch)
            if let batchLine { json.field("batchLine", batchLine) }
            json.field("priority", priority.attribute)
        }
        return writer.bytes
    }

    /// Reads what `json()` wrote.
    public init(json: UnsafeRawBufferPointer) throws {
        var id: String?
        var source = ""
        var time: Int64 = 0
        var tenant = "default"
        var correlationID: String?
        self.init(id: "", source: "", time: 0, correlationID: "")
        var reader = JSONReader(json)
        try reader.readObject { key, reader in
            if key == "id" {
                id = try reader.readString()
            } else if key == "source" {
                source = try reader.readString()
            } else if key == "time" {
                time = RFC3339.microseconds(try reader.readString()) ?? 0
            } else if key == "tenant" {
                tenant = try reader.readString()
            } else if key == "correlationId" {
                correlationID = try reader.readString()
            } else if key == "causationId" {
                causationID = try reader.readString()
            } else if key == "traceparent" {
                traceparent = try reader.readString()
            } else if key == "actor" {
                actor = try reader.readString()
            } else if key == "requestDigest" {
                requestDigest = try reader.readString()
            } else if key == "batch" {
                batch = try reader.readString()
            } else if key == "batchLine" {
                batchLine = Int(exactly: try reader.readInt64())
            } else if key == "priority" {
                priority = Priority(attribute: try reader.readString())
            } else {
                try reader.skipValue()
            }
        }
        self.id = id ?? ""
        self.source = source
        self.time = time
        self.tenant = tenant
        self.correlationID = correlationID ?? self.id
    }
}

/// The Kafka headers of an event (CloudEvents 1.0, Kafka protocol binding §3.2; extension names in lower case).
enum EventHeader {
    static let specVersion = "ce_specversion"
    static let id = "ce_id"
    static let source = "ce_source"
    static let type = "ce_type"
    static let time = "ce_time"
    static let subject = "ce_subject"
    static let contentType = "content-type"
    static let correlationID = "ce_correlationid"
    static let causationID = "ce_causationid"
    static let tenant = "ce_tenant"
    static let streamVersion = "ce_streamversion"
    /// `express`, of messages that take an express lane. Which lane a record is in is its topic's word, not this one's.
    static let priority = "ce_priority"
    /// Of records that are no JSON: theirs has it in the value.
    static let schemaVersion = "ce_schemaversion"
    static let traceparent = "traceparent"
    /// `key id:Base64` (`Signatures`).
    static let signature = "ce_signature"
}
