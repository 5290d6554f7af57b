import JSON
import Messaging
import OrderflowKit
import Terminal

/// Messages that wait, as operators call and see them.
enum ScheduleScope {
    struct Named: Sendable {
        let database: ServiceDatabase
        let message: ScheduledMessage

        var name: RowName { RowName(database: database, number: message.id) }
    }

    /// A time, a stroke and a number.
    static func place(_ text: String) -> ScheduledMessage.Place? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let time = RFC3339.microseconds(String(parts[0])), let id = Int64(parts[1]) else {
            return nil
        }
        return ScheduledMessage.Place(dueAt: time, id: id)
    }

    static func table(_ messages: [Named]) -> TerminalText {
        TextTable.write(
            [["MESSAGE", "DUE", "TENANT", "TYPE", "KEY", "TOPIC", "SINCE"]]
                + messages.map { named in
                    let message = named.message
                    return [
                        "\(named.name)", RFC3339.text(message.dueAt), message.tenant, message.type, message.key,
                        message.topic, RFC3339.text(message.scheduledAt),
                    ]
                })
    }

    static func json(_ named: Named) -> TerminalText {
        var json = JSONWriter(capacity: 384)
        json.object { json in
            json.field("message", "\(named.name)")
            write(named.message, into: &json)
        }
        return TerminalText(json: json.bytes)
    }

    /// What the audit log says of a message that was cancelled.
    static func document(_ message: ScheduledMessage) -> [UInt8] {
        var json = JSONWriter(capacity: 320)
        json.object { write(message, into: &$0) }
        return json.bytes
    }

    private static func write(_ message: ScheduledMessage, into json: inout JSONWriter) {
        json.field("type", message.type)
        json.field("key", message.key)
        json.field("tenant", message.tenant)
        json.field("topic", message.topic)
        json.time("dueAt", message.dueAt)
        json.time("scheduledAt", message.scheduledAt)
        json.field("messageId", message.messageID)
        json.field("correlationId", message.correlationID)
    }
}
