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
        let value = entry.value.map { words(LetterValue($0, entry.headers)) } ?? "null"
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
            switch entry.value.map({ LetterValue($0, entry.headers) }) {
            case .text(let text): json.field("value", text)
            case .payload(let payload): json.field("payload", raw: payload)
            case .unreadable(let words): json.field("value", words)
            case .bytes(let bytes): json.field("valueBase64", Data(bytes).base64EncodedString())
            case nil: json.field("value", raw: "null".utf8)
            }
        }
        return TerminalText(json: json.bytes)
    }

    private static func words(_ value: LetterValue) -> String {
        switch value {
        case .text(let text): text.isEmpty ? "empty" : text
        case .payload(let payload): String(decoding: payload, as: UTF8.self)
        case .unreadable(let words): words
        case .bytes(let bytes): "\(bytes.count) bytes that are no text: see --json"
        }
    }

    private static func time(_ microseconds: Int64) -> String { RFC3339.text(microseconds) }
}

/// What a letter's value is to those who look at it.
private enum LetterValue {
    case text(String)
    /// Of another format, as JSON.
    case payload([UInt8])
    /// Of another format, which can't be read; its bytes may be a payment token's, and stay where they are.
    case unreadable(String)
    case bytes([UInt8])

    init(_ value: [UInt8], _ headers: [UInt8]) {
        switch RecordPayload(letter: value, headers: headers) {
        case .json(let json): self = .payload(HiddenMembers.hide(in: json))
        case .unreadable(let reason): self = .unreadable("\(value.count) bytes, not shown: \(reason)")
        case .asItIs:
            let shown = HiddenMembers.hide(in: value)
            self = String(validating: shown, as: UTF8.self).map { .text($0) } ?? .bytes(shown)
        }
    }
}
