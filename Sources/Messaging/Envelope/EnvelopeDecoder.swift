import JSON

/// Reads the envelope `{"type":…,"version":…,"payload":{…}}` with its headers.
package enum EnvelopeDecoder {
    /// - Parameters:
    ///   - value: nil for a tombstone.
    ///   - recordTime: microseconds since the Unix epoch.
    package static func decode(
        value: UnsafeRawBufferPointer?, key: UnsafeRawBufferPointer?, headers: EnvelopeHeaders,
        source: InboundMessage.Source, recordTime: Int64, by reader: RecordReader
    ) -> RecordVerdict {
        guard let value else { return .nothing(.tombstone) }
        // Our own records say their type in a header: what nobody wants is not even parsed.
        if let type = headers.type, !reader.types.contains(type) { return .nothing(.otherType) }
        if reader.ignores(headers.source) { return .nothing(.ownWord) }
        let envelope: Envelope
        do {
            envelope = try Envelope(value)
        } catch {
            return .poison("\(error)")
        }
        guard let type = envelope.type else { return .poison("/type is required") }
        guard reader.types.contains(type) else {
            // Whoever reacts to the type of the header sees that too.
            return headers.type == nil ? .nothing(.otherType) : .poison(mismatch)
        }
        if let flaw = headers.flaw { return .poison(flaw) }
        if let said = headers.type, said != type { return .poison(mismatch) }
        guard let payload = envelope.payload else { return .poison("/payload is required") }
        guard (1...10_000).contains(envelope.version) else { return .poison("/version is out of range") }
        var keyText: String?
        if let key {
            // A text's bytes and no others: two keys that differ never become one.
            guard let text = String(validating: key, as: UTF8.self) else { return .poison("the key is no UTF-8 text") }
            keyText = text
        }
        let id = headers.id ?? source.messageID(recordTime: recordTime)
        return reader.judge(
            InboundMessage(
                id: id, type: type, schemaVersion: Int(envelope.version), payload: Array(payload), key: keyText ?? id,
                tenant: headers.tenant ?? TenantName.standard, correlationID: headers.correlationID ?? id,
                traceparent: headers.traceparent, time: headers.time ?? recordTime,
                streamVersion: headers.streamVersion, source: source, origin: headers.source,
                isKeyed: keyText != nil))
    }

    private static let mismatch = "\(EventHeader.type) is not the value's type"
}

/// The value's members, the payload where it stands.
private struct Envelope {
    var type: String?
    var version: Int64 = 1
    var payload: UnsafeRawBufferPointer?

    init(_ value: UnsafeRawBufferPointer) throws {
        var reader = JSONReader(value)
        try reader.readObject { key, reader in
            if key == "type" {
                type = try reader.readString()
            } else if key == "version" {
                version = try reader.readInt64()
            } else if key == "payload" {
                guard reader.peekKind() == .object else {
                    throw JSONError(reason: "must be an object", offset: reader.offset, isWrongType: true)
                }
                payload = try reader.rawValue()
            } else {
                try reader.skipValue()
            }
        }
        try reader.end()
    }
}
