import Foundation
import JSON

/// The part of JSON Schema 2020-12 that our documents use. A keyword that it doesn't know is an error, so that no
/// schema is taken for stricter than it is.
public struct JSONSchema: Sendable {
    /// What `$ref` points into.
    public let document: JSONValue

    public init(in document: JSONValue) { self.document = document }

    /// What is wrong with `value`, each with its place; empty when nothing is.
    public func flaws(of value: JSONValue, by schema: JSONValue, at place: String = "") -> [String] {
        // `true` allows everything.
        guard let members = schema.object?.members else {
            return schema.bool == false ? ["\(place): nothing is allowed here"] : []
        }
        return members.flatMap { member in
            check(member.name, member.value, value, schema, place).map { "\(place.isEmpty ? "/" : place): \($0)" }
                + descend(member.name, member.value, value, schema, place)
        }
    }

    /// The value behind a reference such as `#/components/schemas/Order`.
    public func resolve(_ reference: String) -> JSONValue? {
        var value: JSONValue? = document
        for name in reference.split(separator: "/").dropFirst() {
            value = value?[String(name).replacing("~1", with: "/").replacing("~0", with: "~")]
        }
        return value
    }

    private static let annotations: Set<String> = [
        "description", "title", "default", "example", "examples", "deprecated", "required", "properties", "items",
        "additionalProperties", "$ref", "oneOf", "anyOf", "allOf",
    ]

    /// What a keyword says of the value itself.
    private func check(
        _ keyword: String, _ rule: JSONValue, _ value: JSONValue, _ schema: JSONValue, _ place: String
    ) -> [String] {
        func flaw(_ isFlawed: Bool?, _ words: @autoclosure () -> String) -> [String] {
            isFlawed == true ? [words()] : []
        }
        let number = value.number?.double
        let length = value.string.map { $0.unicodeScalars.count }
        let bound = rule.number?.double ?? 0
        switch keyword {
        case "type":
            let types = rule.array?.compactMap(\.string) ?? [rule.string ?? ""]
            return flaw(!types.contains { Self.isType($0, value) }, "\(value) is no \(types.joined(separator: " or "))")
        case "const": return flaw(value != rule, "\(value) isn't \(rule)")
        case "enum": return flaw(!(rule.array ?? []).contains(value), "\(value) is none of \(rule)")
        case "minimum": return flaw(number.map { $0 < bound }, "\(value) is below \(rule)")
        case "maximum": return flaw(number.map { $0 > bound }, "\(value) is above \(rule)")
        case "exclusiveMaximum": return flaw(number.map { $0 >= bound }, "\(value) isn't below \(rule)")
        case "exclusiveMinimum": return flaw(number.map { $0 <= bound }, "\(value) isn't above \(rule)")
        case "minLength": return flaw(length.map { Double($0) < bound }, "\(value) is shorter than \(rule)")
        case "maxLength": return flaw(length.map { Double($0) > bound }, "\(value) is longer than \(rule)")
        case "minItems": return flaw(value.array.map { Double($0.count) < bound }, "fewer elements than \(rule)")
        case "maxItems": return flaw(value.array.map { Double($0.count) > bound }, "more elements than \(rule)")
        case "pattern":
            let matches = value.string.map { text in
                text.range(of: rule.string ?? "", options: .regularExpression) != nil
            }
            return flaw(matches == false, "\(value) doesn't match \(rule)")
        case "format": return flaw(value.string.map { !Self.isFormat(rule.string ?? "", $0) }, "\(value) is no \(rule)")
        case _ where Self.annotations.contains(keyword): return []
        default: return ["the schema has the unknown keyword \(keyword)"]
        }
    }

    /// What a keyword says of the value's parts, or by other schemas.
    private func descend(
        _ keyword: String, _ rule: JSONValue, _ value: JSONValue, _ schema: JSONValue, _ place: String
    ) -> [String] {
        switch keyword {
        case "required":
            guard let object = value.object else { return [] }
            return (rule.array ?? []).compactMap(\.string).filter { object[$0] == nil }.map {
                "\(place)/\($0): is missing"
            }
        case "properties":
            return (rule.object?.members ?? []).flatMap { member in
                value[member.name].map { flaws(of: $0, by: member.value, at: "\(place)/\(member.name)") } ?? []
            }
        case "additionalProperties":
            let known = Set((schema["properties"]?.object?.members ?? []).map(\.name))
            return (value.object?.members ?? []).filter { !known.contains($0.name) }.flatMap {
                flaws(of: $0.value, by: rule, at: "\(place)/\($0.name)")
            }
        case "items":
            return (value.array ?? []).enumerated().flatMap { flaws(of: $1, by: rule, at: "\(place)/\($0)") }
        case "$ref":
            guard let target = rule.string.flatMap({ resolve($0) }) else { return ["\(rule) leads nowhere"] }
            return flaws(of: value, by: target, at: place)
        case "allOf": return (rule.array ?? []).flatMap { flaws(of: value, by: $0, at: place) }
        case "anyOf", "oneOf":
            let tries = (rule.array ?? []).map { flaws(of: value, by: $0, at: place) }
            let matching = tries.count(where: \.isEmpty)
            if matching == 1 || (matching > 1 && keyword == "anyOf") { return [] }
            return matching > 1
                ? ["\(place): \(matching) of \(keyword) match"]
                : ["\(place): none of \(keyword) matches"] + tries.flatMap { $0 }
        default: return []
        }
    }

    private static func isType(_ type: String, _ value: JSONValue) -> Bool {
        switch (type, value) {
        case ("object", .object), ("array", .array), ("string", .string), ("number", .number), ("boolean", .bool),
            ("null", .null):
            true
        case ("integer", .number(let number)): number.double.map { $0 == $0.rounded() } ?? false
        default: false
        }
    }

    private static func isFormat(_ format: String, _ text: String) -> Bool {
        switch format {
        case "date-time": RFC3339.microseconds(text) != nil
        case "date": text.utf8.count == 10 && RFC3339.microseconds("\(text)T00:00:00Z") != nil
        case "uri-reference": !text.isEmpty && !text.contains(where: \.isWhitespace)
        case "uuid": UUID(uuidString: text) != nil
        default: false
        }
    }
}
