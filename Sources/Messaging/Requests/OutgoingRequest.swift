import Execution
import JSON
import Kafka

/// A question to the responders of its topic. An envelope like any event's, so that responders read it by the same door.
public struct OutgoingRequest: Sendable {
    public let topic: String
    public let type: String
    public let schemaVersion: Int
    /// JSON.
    public let payload: [UInt8]
    /// Its id is what the reply is known by; the reply has to be of the same tenant.
    public let metadata: EventMetadata

    public init(topic: String, type: String, schemaVersion: Int = 1, payload: [UInt8], metadata: EventMetadata) {
        self.topic = topic
        self.type = type
        self.schemaVersion = schemaVersion
        self.payload = payload
        self.metadata = metadata
    }

    /// - Parameter deadline: microseconds since the Unix epoch.
    func message(replyTo topic: String, deadline: Int64) throws -> OutgoingMessage {
        try Self.message(
            to: self.topic, type: type, schemaVersion: schemaVersion, payload: payload, metadata,
            [(RequestHeader.replyTo, topic), (RequestHeader.deadline, RFC3339.text(deadline))])
    }

    /// A signed record, keyed by its own id: requests have no order among each other.
    static func message(
        to topic: String, type: String, schemaVersion: Int, payload: [UInt8], _ metadata: EventMetadata,
        _ more: [(name: String, value: String)] = []
    ) throws -> OutgoingMessage {
        var encoder = RelayEncoder(source: .outbox)
        var message = try Array(metadata.id.utf8).withUnsafeBytes { key in
            try payload.withUnsafeBytes { data in
                try metadata.json().withUnsafeBytes { metadata in
                    try encoder.event(
                        topic: topic, key: key, type: type, schemaVersion: Int32(clamping: schemaVersion),
                        streamVersion: nil, data: data, metadata: metadata)
                }
            }
        }
        for header in more { message.headers.append(header.name, header.value) }
        Signatures.installed?.sign(&message)
        return message
    }
}
