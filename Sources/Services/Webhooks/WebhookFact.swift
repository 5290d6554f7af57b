import JSON
import Messaging
import Orders

/// A fact as receivers get it: a CloudEvent in the structured content mode of its JSON format (CloudEvents 1.0, JSON
/// Event Format §3), with the payload as it is on the topic.
struct WebhookFact: Sendable {
    static let contentType = "application/cloudevents+json"
    /// What a ping says it is. No service publishes it, and no replay repeats it.
    static let pingType = "WebhookPing"

    let tenant: String
    let identity: String
    /// Without a full stop, and the same at every try and in every replay.
    let webhookID: String
    let type: String
    /// Whose order is kept.
    let orderKey: String
    /// Microseconds since the Unix epoch.
    let happenedAt: Int64
    let body: [UInt8]

    init(_ message: InboundMessage, about key: String) {
        tenant = message.tenant
        identity = message.identity
        webhookID = Self.webhookID(message.id, message.identity, message.tenant)
        type = message.type
        orderKey = key
        happenedAt = message.time
        var json = JSONWriter(capacity: message.payload.count + 512)
        json.object { json in
            json.attributes(
                id: message.id, source: message.origin ?? "/\(message.source.topic)", type: message.type,
                time: message.time, subject: key, tenant: message.tenant)
            json.field("correlationid", message.correlationID)
            json.field("schemaversion", message.schemaVersion)
            if let version = message.streamVersion { json.field("streamversion", version) }
            json.field("data", raw: message.payload)
        }
        body = json.bytes
    }

    /// A ping of one endpoint.
    init(pinging endpoint: String, tenant: String, source: String, at time: Int64) {
        let id = UUIDText.v7(microseconds: time)
        self.tenant = tenant
        identity = "ping \(id)"
        webhookID = id
        type = Self.pingType
        orderKey = "ping \(endpoint)"
        happenedAt = time
        var json = JSONWriter(capacity: 384)
        json.object { json in
            json.attributes(
                id: id, source: source, type: Self.pingType, time: time, subject: endpoint, tenant: tenant)
            json.key("data")
            json.object { $0.field("webhookId", endpoint) }
        }
        body = json.bytes
    }

    /// The event's own id where it is a UUID, else one that is made of all that tells it from others.
    private static func webhookID(_ id: String, _ identity: String, _ tenant: String) -> String {
        id == identity && id.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
            ? id : UUIDText.v5(name: "webhook\0\(tenant)\0\(identity)")
    }
}

extension JSONWriter {
    fileprivate mutating func attributes(
        id: String, source: String, type: String, time: Int64, subject: String, tenant: String
    ) {
        field("specversion", "1.0")
        field("id", id)
        field("source", source)
        field("type", type)
        self.time("time", time)
        field("subject", subject)
        field("datacontenttype", "application/json")
        field("tenant", tenant)
    }
}
