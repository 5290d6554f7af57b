import Foundation
import Hashing
import JSON
import Messaging
import Operations
import Terminal

/// Audit logs for terminals and scripts.
enum AuditText {
    static func table(_ entries: [AuditTrail.Entry]) -> TerminalText {
        let head = ["AT", "WHO", "FROM", "ACT", "OBJECT", "TENANT", "WHY", "RECORD"]
        return TextTable.write(
            [head]
                + entries.map { entry in
                    let record = entry.record
                    let who = record.actor.isEmpty ? record.actorKind : record.actor
                    return [
                        RFC3339.text(record.at), record.alias.map { "\(who) as \($0)" } ?? who, record.origin,
                        record.act,
                        record.object, record.tenant ?? "", record.reason ?? "", "\(entry.service)/\(record.position)",
                    ]
                })
    }

    static func json(_ entry: AuditTrail.Entry) -> TerminalText {
        let record = entry.record
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.field("service", entry.service)
            json.field("position", record.position)
            json.field("at", RFC3339.text(record.at))
            json.field("actor", record.actor)
            json.field("actorKind", record.actorKind)
            json.field("alias", record.alias)
            json.field("origin", record.origin)
            json.field("tenant", record.tenant)
            json.field("act", record.act)
            json.field("object", record.object)
            json.field("reason", record.reason)
            if let detail = record.detail {
                // One that was tampered with needn't be JSON.
                if let value = try? JSONValue(parsing: Array(detail.utf8)) {
                    json.field("detail", raw: value.bytes)
                } else {
                    json.field("detail", detail)
                }
            }
            json.field("hash", Hexadecimal.text(record.hash))
        }
        return TerminalText(json: json.bytes)
    }

    static func table(_ heads: [(service: String, head: AuditChain.Head)]) -> TerminalText {
        TextTable.write(
            [["DATABASE", "RECORDS", "HASH"]]
                + heads.map { [$0.service, "\($0.head.position)", Hexadecimal.text($0.head.hash)] })
    }

    static func json(_ head: (service: String, head: AuditChain.Head)) -> TerminalText {
        var json = JSONWriter()
        json.object { json in
            json.field("service", head.service)
            json.field("position", head.head.position)
            json.field("hash", Hexadecimal.text(head.head.hash))
        }
        return TerminalText(json: json.bytes)
    }

    /// What `json` wrote of heads. Throws for a file that has none, or something else.
    static func heads(inFile path: String) throws -> [String: AuditChain.Head] {
        guard let data = FileManager.default.contents(atPath: path) else { throw Unreadable(path, "can't be read") }
        var heads: [String: AuditChain.Head] = [:]
        for (number, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let value = try? JSONValue(parsing: Array(line)), let service = value["service"]?.string,
                let position = value["position"]?.int64, position >= 0,
                let hash = value["hash"]?.string.flatMap({ Hexadecimal.bytes($0.lowercased()) }),
                hash.count == 32
            else { throw Unreadable(path, "line \(number + 1) is no head of an audit log") }
            heads[service] = AuditChain.Head(position: position, hash: hash)
        }
        guard !heads.isEmpty else { throw Unreadable(path, "has no head of an audit log") }
        return heads
    }

    private struct Unreadable: Error, CustomStringConvertible {
        let description: String
        init(_ path: String, _ flaw: String) { description = "\(path): \(flaw)" }
    }
}
