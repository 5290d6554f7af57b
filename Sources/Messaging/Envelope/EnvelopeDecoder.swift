import JSON

/// Reads a record with its headers: the envelope `{"type":…,"version":…,"payload":{…}}` of JSON records, or the bare
/// payload of any other content type, whose type and version are headers (CloudEvents 1.0, binary content mode).
/// `PayloadCodecs` says which is which.
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
        if let type = headers.type, !reader.names.contains(type) { return .nothing(.otherType) }
        if reader.ignores(headers.source, type: headers.type) { return .nothing(.ownWord) }
        func forgery(of type: String?) -> String? {
            reader.signatures?.forgery(of: type, headers, key: key, value: value, at: source)
        }
        let body: Body
        do throws(Flaw) {
            let isJSON = try isJSON(value, headers, reader)
            guard let read = try isJSON ? enveloped(value, headers, reader) : bare(value, headers, reader) else {
                return .nothing(.otherType)
            }
            body = read
        } catch {
            // What its source never said is no flaw of what it says.
            if let forgery = forgery(of: headers.type) { return .forged(forgery) }
            return error.isPassing ? .unavailable(error.reason) : .poison(error.reason)
        }
        if let forgery = forgery(of: body.type) { return .forged(forgery) }
        var keyText: String?
        if let key {
            // A text's bytes and no others: two keys that differ never become one.
            guard UTF8Check.isValid(key) else { return .poison("the key is no UTF-8 text") }
            keyText = String(decoding: key, as: UTF8.self)
        }
        let id = headers.id ?? source.messageID(recordTime: recordTime)
        return reader.judge(
            InboundMessage(
                id: id, type: body.type, schemaVersion: body.schemaVersion, payload: body.payload, key: keyText ?? id,
                tenant: headers.tenant ?? TenantName.standard, correlationID: headers.correlationID ?? id,
                traceparent: headers.traceparent, time: headers.time ?? recordTime,
                streamVersion: headers.streamVersion, source: source, origin: headers.source,
                isKeyed: keyText != nil, contentType: headers.contentType, priority: reader.priority(at: source),
                expiresAt: headers.expiresAt))
    }

    /// What a value says, whatever its content type.
    private struct Body {
        let type: String
        let schemaVersion: Int
        let payload: [UInt8]
    }

    private struct Flaw: Error {
        let reason: String
        /// Not now: what it takes to read the value can't be asked for.
        var isPassing = false
        init(_ reason: String) { self.reason = reason }

        init(_ error: PayloadCodecError) {
            reason = "\(error)"
            isPassing = error.isPassing
        }
    }

    private static func isJSON(
        _ value: UnsafeRawBufferPointer, _ headers: EnvelopeHeaders, _ reader: RecordReader
    ) throws(Flaw) -> Bool {
        if reader.codecs.isJSON(value.first, headers.contentType) { return true }
        do throws(PayloadCodecError) {
            return try reader.codecs.codec(of: headers.contentType, first: value.first).contentType.isJSON
        } catch {
            throw Flaw(error)
        }
    }

    /// Of a JSON record; nil for one of another type than the reader's.
    private static func enveloped(
        _ value: UnsafeRawBufferPointer, _ headers: EnvelopeHeaders, _ reader: RecordReader
    ) throws(Flaw) -> Body? {
        let envelope: Envelope
        do {
            envelope = try Envelope(value, reader.names)
        } catch {
            throw Flaw("\(error)")
        }
        guard let type = envelope.type else { throw Flaw("/type is required") }
        guard envelope.isKnown else {
            // Every group that reacts to the type of the header refuses the record too.
            if headers.type != nil { throw Flaw(mismatch) }
            return nil
        }
        if let flaw = headers.flaw { throw Flaw(flaw) }
        if let said = headers.type, said != type { throw Flaw(mismatch) }
        guard let payload = envelope.payload else { throw Flaw("/payload is required") }
        guard versions.contains(envelope.version) else { throw Flaw("/version is out of range") }
        return Body(type: type, schemaVersion: Int(envelope.version), payload: Array(payload))
    }

    /// Of a record of another content type: its value is the payload.
    private static func bare(
        _ value: UnsafeRawBufferPointer, _ headers: EnvelopeHeaders, _ reader: RecordReader
    ) throws(Flaw) -> Body? {
        if let flaw = headers.flaw { throw Flaw(flaw) }
        guard let type = headers.type else {
            let format =
                headers.contentType.isJSON ? "a schema's id" : "\(EventHeader.contentType) \(headers.contentType)"
            throw Flaw("\(EventHeader.type) is required beside \(format)")
        }
        let version = headers.schemaVersion ?? reader.codecs.presentVersion(of: type)
        guard versions.contains(Int64(version)) else { throw Flaw("\(EventHeader.schemaVersion) is out of range") }
        do throws(PayloadCodecError) {
            return Body(
                type: type, schemaVersion: version,
                payload: try reader.codecs.json(
                    of: Array(value), headers.contentType, type: type, schemaVersion: version))
        } catch {
            throw Flaw(error)
        }
    }

    private static let versions: ClosedRange<Int64> = 1...10_000
    private static let mismatch = "\(EventHeader.type) is not the value's type"
}

/// The value's members, the payload where it stands.
private struct Envelope {
    var type: String?
    /// Whether the type is one of those that are asked for.
    var isKnown = false
    var version: Int64 = 1
    var payload: UnsafeRawBufferPointer?

    init(_ value: UnsafeRawBufferPointer, _ names: TypeNames) throws {
        var reader = JSONReader(value)
        try reader.readObject { key, reader in
            if key == "type" {
                let known = try reader.readText { text in
                    let name = names.name(text)
                    type = name ?? String(decoding: text, as: UTF8.self)
                    return name != nil
                }
                isKnown = known
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
