import JSON

/// A record's attributes, from its headers. All may be missing: a foreign producer may send the bare value.
package struct EnvelopeHeaders {
    var id: String?
    var source: String?
    var type: String?
    var time: Int64?
    var correlationID: String?
    var tenant: String?
    var streamVersion: Int?
    var traceparent: String?

    package init() {}

    /// Takes in one header; others than ours are passed over.
    package mutating func take(_ name: String, _ value: UnsafeRawBufferPointer) {
        func text() -> String? { Self.text(value) }
        switch name {
        case EventHeader.id: id = text()
        case EventHeader.source: source = text()
        case EventHeader.type: type = text()
        case EventHeader.time: time = text().flatMap { RFC3339.microseconds($0) }
        case EventHeader.correlationID: correlationID = text()
        case EventHeader.tenant: tenant = text()
        case EventHeader.streamVersion: streamVersion = text().flatMap { Int32($0) }.flatMap { $0 > 0 ? Int($0) : nil }
        case EventHeader.traceparent: traceparent = text()
        default: break
        }
    }
}

extension EnvelopeHeaders {
    /// A header's value as text; nil for what is none.
    static func text(_ value: UnsafeRawBufferPointer) -> String? {
        let text = String(decoding: value, as: UTF8.self)
        // What goes into a text column must have no NUL, and an id has bounds.
        return text.isEmpty || text.utf8.count > 256 || text.utf8.contains(0) ? nil : text
    }
}

/// Reads the envelope `{"type":…,"version":…,"payload":{…}}`.
package enum EnvelopeDecoder {
    package enum Outcome {
        case message(InboundMessage)
        /// Of a type that the group doesn't react to, or said by itself.
        case skipped
        /// Can't be read, and why.
        case malformed(String)
    }

    package static func decode(
        value: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer?, headers: EnvelopeHeaders,
        source: InboundMessage.Source, recordTime: Int64, types: Set<String>, ignoring ignoredSource: String?
    ) -> Outcome {
        // Our own records say their type in a header: what nobody wants is not even parsed.
        if let type = headers.type, !types.contains(type) { return .skipped }
        if let ignoredSource, headers.source == ignoredSource { return .skipped }
        var type: String?
        var version: Int64 = 1
        var payload: UnsafeRawBufferPointer?
        do {
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
        } catch {
            return .malformed("\(error)")
        }
        guard let type else { return .malformed("/type is required") }
        guard types.contains(type) else { return .skipped }
        guard let payload else { return .malformed("/payload is required") }
        guard (1...10_000).contains(version) else { return .malformed("/version is out of range") }
        let id = headers.id ?? source.messageID(recordTime: recordTime)
        return .message(
            InboundMessage(
                id: id, type: type, schemaVersion: Int(version), payload: Array(payload),
                key: key.map { String(decoding: $0, as: UTF8.self) } ?? id, tenant: headers.tenant ?? "default",
                correlationID: headers.correlationID ?? id, traceparent: headers.traceparent,
                time: headers.time ?? recordTime, streamVersion: headers.streamVersion, source: source))
    }
}
