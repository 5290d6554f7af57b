import Kafka

/// What a record's signature covers, as bytes that everybody makes alike: the topic, key and value, and the headers that
/// say which event it is, whose and of whom. `traceparent` isn't covered: it may change on the way.
///
/// A line `orderflow-signature-1`, then each part as its length in four bytes, most significant first, and itself; a part
/// that is missing has the length 2³²−1 and nothing behind it. `ce_expirytime` comes last, and only where it is there: what
/// never had it is signed as ever.
struct SignedContent {
    /// In their order.
    private static let headers: [EventAttribute] = [
        .specVersion, .id, .source, .type, .time, .subject, .contentType, .schemaVersion, .correlationID, .causationID,
        .tenant, .streamVersion,
    ]

    /// The headers' values as they stand, by the attribute.
    private var values = [[UInt8]?](repeating: nil, count: EventAttribute.allCases.count)

    /// Takes in a header; of a repeated one the last counts, as it does for readers.
    mutating func take(_ attribute: EventAttribute, _ value: UnsafeRawBufferPointer) {
        values[attribute.rawValue] = Array(value)
    }

    func bytes(
        topic: String, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?
    ) -> [UInt8] {
        var bytes = Array("orderflow-signature-1\n".utf8)
        bytes.reserveCapacity(512 + (value?.count ?? 0))
        var topic = topic
        topic.withUTF8 { Self.append(UnsafeRawBufferPointer($0), to: &bytes) }
        Self.append(key, to: &bytes)
        Self.append(value, to: &bytes)
        for header in Self.headers {
            if let value = values[header.rawValue] {
                value.withUnsafeBytes { Self.append($0, to: &bytes) }
            } else {
                Self.append(nil, to: &bytes)
            }
        }
        values[EventAttribute.expiryTime.rawValue]?.withUnsafeBytes { Self.append($0, to: &bytes) }
        return bytes
    }

    private static func append(_ part: UnsafeRawBufferPointer?, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: part?.count ?? -1).bigEndian) { bytes += $0 }
        if let part { bytes += part }
    }
}
