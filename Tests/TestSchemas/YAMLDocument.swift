import Foundation
import JSON
import Yams

extension JSONValue {
    /// A YAML document of the JSON schema of YAML 1.2: what JSON could say too.
    public init(yaml text: String) throws {
        guard let node = try Yams.compose(yaml: text) else { throw NotJSON(text: "") }
        self = try Self.value(node)
    }

    private struct NotJSON: Error { let text: String }

    private static func value(_ node: Node) throws -> JSONValue {
        switch node {
        case .mapping(let mapping):
            var object = JSONObject()
            for (name, value) in mapping {
                guard let name = name.string else { throw NotJSON(text: "\(name)") }
                object[name] = try self.value(value)
            }
            return .object(object)
        case .sequence(let sequence): return .array(try sequence.map { try value($0) })
        case .scalar(let scalar):
            guard scalar.style == .plain else { return .string(scalar.string) }
            switch scalar.string {
            case "true": return true
            case "false": return false
            case "null", "~", "": return nil
            case let text: return JSONNumber(text).map { .number($0) } ?? .string(text)
            }
        case .alias: throw NotJSON(text: "an alias")
        }
    }
}
