import Kafka

/// A row on its way to its topic.
struct RelayRecord: Sendable {
    var message: OutgoingMessage
    /// Of the row.
    let position: Int64
    /// The copy of a dead letter: a courtesy, which the database has whole. Everything else is a fact or a command.
    let isDeadLetter: Bool
    /// The route by which it is a copy of another record; nil for what is none.
    var route: String?
}

extension RelayRecord {
    /// What it is recognised by on its topic: a fact by source and id, the copy of a letter by the record that it is of,
    /// whose own id says nothing here.
    var identity: String {
        Self.identity(of: message.topic, isDeadLetter: isDeadLetter) { name in
            message.headers[name].map { String(decoding: $0, as: UTF8.self) }
        }
    }

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
