import Kafka

/// A row on its way to its topic.
struct RelayRecord: Sendable {
    var message: OutgoingMessage
    /// Of the row.
    let position: Int64
    /// The copy of a dead letter: a courtesy, which the database has whole. Everything else is a fact or a command.
    let isDeadLetter: Bool
    /// Of an order that goes ahead of others.
    var isExpress = false
    /// Of a fact that routes take: what goes to further topics, before itself.
    var copies: [RelayCopy] = []
}

/// A fact's record for a further topic: the same event under the same id.
struct RelayCopy: Sendable {
    let message: OutgoingMessage
    /// By which it goes there.
    let route: String
}

extension RelayRecord {
    /// What it is recognised by on its topic: a fact by source and id, the copy of a letter by the record that it is of,
    /// whose own id says nothing here.
    var identity: String {
        Self.identity(of: message, isDeadLetter: isDeadLetter)
    }

    static func identity(of message: OutgoingMessage, isDeadLetter: Bool) -> String {
        identity(of: message.topic, isDeadLetter: isDeadLetter) { name in
            message.headers[name].map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// All topics that it goes to.
    var topics: [String] { [message.topic] + copies.map(\.message.topic) }

    /// - Parameter header: the value of a header.
    static func identity(of topic: String, isDeadLetter: Bool, _ header: (String) -> String?) -> String {
        let names =
            isDeadLetter
            ? ["orderflow_topic", "orderflow_partition", "orderflow_offset"] : [EventHeader.source, EventHeader.id]
        return ([topic] + names.map { header($0) ?? "" }).joined(separator: "\0")
    }

    /// A copy without anything that a stranger has sent.
    var stripped: RelayRecord {
        var stripped = self
        var headers = KafkaHeaders()
        message.headers.forEach { name, value in
            let name = String(decoding: name, as: UTF8.self)
            if name.hasPrefix("orderflow_"), name != "orderflow_key", name != "orderflow_truncated" {
                headers.append(name, value)
            }
        }
        headers.append("orderflow_truncated", "\(message.value?.count ?? 0)")
        stripped.message.headers = headers
        stripped.message.value = []
        return stripped
    }
}
