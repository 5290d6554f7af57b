import JSON

/// An event's metadata as a row of an outbox has it: a JSON array in a fixed order, half as long as the object that events
/// are kept with. Such a row is written, logged, published and deleted within a second, eight times for an order, and nobody
/// looks for anything in it.
///
///     ["~AZrwd…", "/orderflow/payment", 1764400000123456, "default", "~AZrwc…", "~AZrwd…", "^S_kvN…"]
///
/// Members are those of `EventMetadata`, in the order of `place`; what is missing is null, or left out at the end. Texts
/// are `ShortText`, times microseconds since the Unix epoch. New members belong at the end: a relay passes over those
/// that it doesn't know.
enum RowMetadata {
    /// Where members stand.
    enum Place: Int {
        case id, source, time, tenant, correlationID, causationID, traceparent, expiresAt, priority
        // Not sent.
        case actor, requestDigest, batch, batchLine
    }

    /// SQL for when the event of an outbox's row happened, whichever way it is written.
    static let time = """
        coalesce((metadata->>'time')::timestamptz,
                 timestamptz 'epoch' + (metadata->>\(Place.time.rawValue))::bigint * interval '1 microsecond')
        """

    /// Whether bytes are such an array, and not the object.
    static func isUsed(in json: UnsafeRawBufferPointer) -> Bool { json.first == UInt8(ascii: "[") }

    /// Reads what `EventMetadata.row()` wrote.
    ///
    /// - Parameter member: gets the text of each member that there is, of times RFC 3339.
    static func read(
        _ json: UnsafeRawBufferPointer, _ member: (Place, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var reader = JSONReader(json)
        try reader.readArray { index, reader in
            guard let place = Place(rawValue: index) else { return try reader.skipValue() }
            switch reader.peekKind() {
            case .null: try reader.readNull()
            case .number:
                let number = try reader.readInt64()
                guard place == .time || place == .expiresAt else { return }
                var text = RFC3339.text(number)
                try text.withUTF8 { try member(place, UnsafeRawBufferPointer($0)) }
            default: try reader.readText { try ShortText.read($0) { try member(place, $0) } }
            }
        }
    }
}

extension EventMetadata {
    /// As a row of an outbox has it.
    func row() -> [UInt8] {
        var writer = JSONWriter(capacity: 192)
        writer.array { json in
            var missing = 0
            func member<Value>(_ value: Value?, _ write: (Value, inout JSONWriter) -> Void) {
                guard let value else {
                    missing += 1
                    return
                }
                for _ in 0..<missing { json.null() }
                missing = 0
                write(value, &json)
            }
            func text(_ text: String?) {
                member(text) { text, json in json.raw { ShortText.append(text, to: &$0) } }
            }
            func number(_ number: Int64?) {
                member(number) { $1.value($0) }
            }
            func time(_ time: Int64) -> Int64 {
                min(max(time, RFC3339.range.lowerBound), RFC3339.range.upperBound)
            }
            text(id)
            text(source)
            number(time(self.time))
            text(tenant)
            text(correlationID)
            text(causationID)
            text(traceparent)
            number(expiresAt.map(time))
            text(priority.attribute)
            text(actor)
            text(requestDigest)
            text(batch)
            number(batchLine.map(Int64.init))
        }
        return writer.bytes
    }
}
