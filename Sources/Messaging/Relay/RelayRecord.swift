import Kafka

/// A row on its way to its topic.
///
/// Where thousands are gone through for one of their numbers, they are asked by their places: who takes each in turn copies
/// it, and counts five references.
struct RelayRecord: Sendable {
    let message: OutgoingMessage
    /// As it is sent, without its copies.
    let size: Int
    /// Of the row.
    let position: Int64
    /// The copy of a dead letter: a courtesy, which the database has whole. Everything else is a fact or a command.
    let isDeadLetter: Bool
    /// Of an order that goes ahead of others.
    let isExpress: Bool
    /// Of a fact that routes take: what goes to further topics, before itself.
    var copies: [RelayCopy] = []

    init(message: OutgoingMessage, position: Int64, isDeadLetter: Bool, isExpress: Bool = false) {
        self.message = message
        self.position = position
        self.isDeadLetter = isDeadLetter
        self.isExpress = isExpress
        size = RecordSize.of(message)
    }
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

    /// - Parameter header: the value of a header.
    static func identity(of topic: String, isDeadLetter: Bool, _ header: (String) -> String?) -> String {
        let names =
            isDeadLetter
            ? ["orderflow_topic", "orderflow_partition", "orderflow_offset"] : [EventHeader.source, EventHeader.id]
        return ([topic] + names.map { header($0) ?? "" }).joined(separator: "\0")
    }

    /// A copy without anything that a stranger has sent.
    var stripped: RelayRecord {
        var headers = KafkaHeaders()
        message.headers.forEach { name, value in
            let name = String(decoding: name, as: UTF8.self)
            if name.hasPrefix("orderflow_"), name != "orderflow_key", name != "orderflow_truncated" {
                headers.append(name, value)
            }
        }
        headers.append("orderflow_truncated", "\(message.value?.count ?? 0)")
        var message = message
        message.headers = headers
        message.value = []
        return RelayRecord(
            message: message, position: position, isDeadLetter: isDeadLetter, isExpress: isExpress)
    }
}

extension [RelayRecord] {
    /// All topics that they go to, their copies too.
    var topics: Set<String> {
        var topics: Set<String> = []
        var last: String?
        for index in indices {
            // Nearly all records of a page go to one topic.
            if self[index].message.topic != last {
                last = self[index].message.topic
                topics.insert(self[index].message.topic)
            }
            if !self[index].copies.isEmpty { topics.formUnion(self[index].copies.map(\.message.topic)) }
        }
        return topics
    }

    /// Those that go before them.
    var copies: [RelayRecord] {
        var copies: [RelayRecord] = []
        for index in indices where !self[index].copies.isEmpty {
            copies += self[index].copies.map {
                RelayRecord(message: $0.message, position: self[index].position, isDeadLetter: false)
            }
        }
        return copies
    }
}
