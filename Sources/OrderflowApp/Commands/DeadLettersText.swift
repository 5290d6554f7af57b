import Foundation
import JSON
import Messaging
import Orders
import Terminal

/// Dead letters for terminals and scripts.
enum DeadLettersText {
    static func table(_ letters: [NamedLetter]) -> TerminalText {
        let head = ["LETTER", "GROUP", "TOPIC", "KEY", "STATUS", "TRIES", "SINCE", "BEHIND", "ERROR"]
        return TextTable.write(
            [head]
                + letters.map { letter in
                    let entry = letter.entry
                    return [
                        "\(letter.name)", entry.group, entry.source.topic, entry.key, entry.status,
                        "\(entry.attempts)", time(entry.createdAt), entry.parkedBehind.map { "\($0)" } ?? "",
                        entry.error,
                    ]
                })
    }

    static func page(_ letter: NamedLetter) -> TerminalText {
        let entry = letter.entry
        var facts = [
            ["letter", "\(letter.name)"], ["group", entry.group], ["status", entry.status],
            ["topic", entry.source.topic], ["partition", "\(entry.source.partition)"],
            ["offset", "\(entry.source.offset)"], ["key", entry.key], ["error", entry.error],
            ["tries", "\(entry.attempts)"], ["since", time(entry.createdAt)],
        ]
        if let behind = entry.parkedBehind { facts.append(["behind it", "\(behind)"]) }
        if let decision = entry.decision {
            let at = entry.decidedAt.map(time) ?? ""
            facts.append(["decided", "\(at) by \(decision.by): \(decision.note)"])
        }
        let headers = String(decoding: entry.headers, as: UTF8.self)
        let value = entry.value.map { words(HiddenMembers.hide(in: $0)) } ?? "null"
        return TextTable.write(facts) + "\nheaders  \(headers)\nvalue    \(value)\n"
    }

    static func json(_ letter: NamedLetter) -> TerminalText {
        let entry = letter.entry
        var json = JSONWriter(capacity: 1024)
        json.object { json in
            json.field("letter", "\(letter.name)")
            json.field("group", entry.group)
            json.field("status", entry.status)
            json.field("topic", entry.source.topic)
            json.field("partition", Int64(entry.source.partition))
            json.field("offset", entry.source.offset)
            json.field("key", entry.key)
            json.field("error", entry.error)
            json.field("attempts", entry.attempts)
            json.field("createdAt", time(entry.createdAt))
            if let behind = entry.parkedBehind { json.field("parkedBehind", behind) }
            json.field("decidedBy", entry.decision?.by)
            json.field("note", entry.decision?.note)
            json.field("decidedAt", entry.decidedAt.map(time))
            json.field("headers", raw: entry.headers)
            if let value = entry.value.map(HiddenMembers.hide) {
                if let text = text(value) {
                    json.field("value", text)
                } else {
                    json.field("valueBase64", Data(value).base64EncodedString())
                }
            } else {
                json.field("value", raw: "null".utf8)
            }
        }
        return TerminalText(json: json.bytes)
    }

    private static func words(_ value: [UInt8]) -> String {
        if value.isEmpty { return "empty" }
        return text(value) ?? "\(value.count) bytes that are no text: see --json"
    }

    private static func text(_ bytes: [UInt8]) -> String? { String(validating: bytes, as: UTF8.self) }

    private static func time(_ microseconds: Int64) -> String { RFC3339.text(microseconds) }
}
