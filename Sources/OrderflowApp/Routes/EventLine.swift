import Foundation
import JSON
import Messaging
import OrderflowKit
import Orders

/// An event as `orderflow replay` prints it, for `orderflow routes test`.
enum EventLine {
    struct Flaw: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameter topic: on which it is published; nil is the one of its type.
    static func fact(_ line: [UInt8], topic: String?, _ settings: Settings) throws -> RoutedFact {
        let event: JSONValue
        do {
            event = try JSONValue(parsing: line)
        } catch {
            throw Flaw(description: "no JSON: \(error)")
        }
        guard event.object != nil else { throw Flaw(description: "an event is a JSON object") }
        guard let type = event["type"]?.string ?? header("ce_type", of: event) else {
            throw Flaw(description: "/type is required")
        }
        guard let topic = topic ?? settings.topic(ofFact: type).map({ settings.topics.names[$0] }) else {
            throw Flaw(description: "\(type) is no fact of ours; --topic says where it is published")
        }
        let tenant = header("ce_tenant", of: event) ?? TenantName.standard
        guard TenantName.isValid(tenant) else { throw Flaw(description: "/headers/ce_tenant is no tenant's name") }
        return RoutedFact(
            topic: topic, tenant: tenant, type: type, key: event["key"]?.string ?? "",
            source: header("ce_source", of: event), payload: { event["payload"] })
    }

    /// The last one where it repeats.
    private static func header(_ name: String, of event: JSONValue) -> String? {
        let value = event["headers"]?[name]
        return value?.string ?? value?.array?.last?.string
    }
}

/// Lines of a file, one at a time, without empty ones.
struct EventLines {
    private let file: FileHandle
    private var rest: [UInt8] = []
    private var isAtEnd = false

    /// Far above what a record may have.
    private static let limit = 16 << 20

    init(_ file: FileHandle) { self.file = file }

    /// Nil at the end. Throws for a line beyond all bounds.
    mutating func next() throws -> [UInt8]? {
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(rest[..<end])
                rest.removeSubrange(...end)
                if !Self.isBlank(line) { return line }
                continue
            }
            if isAtEnd {
                defer { rest = [] }
                return Self.isBlank(rest) ? nil : rest
            }
            guard rest.count <= Self.limit else { throw EventLine.Flaw(description: "a line is longer than 16 MiB") }
            let chunk = try file.read(upToCount: 64 << 10) ?? Data()
            isAtEnd = chunk.isEmpty
            rest += chunk
        }
    }

    private static func isBlank(_ line: [UInt8]) -> Bool {
        line.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\t") }
    }
}
