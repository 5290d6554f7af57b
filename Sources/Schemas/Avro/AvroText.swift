import JSON

// The schema as JSON (Apache Avro 1.12, "Schema Declaration").

extension AvroDocument {
    /// In one line, as registries keep it; the same for the same schema.
    public var text: String { "\(root.json(in: nil))" }

    /// Over several lines, as people read it.
    public var prettyText: String {
        var text = ""
        PrettyJSON.append(root.json(in: nil), to: &text)
        return text + "\n"
    }
}

extension AvroSchema {
    /// - Parameter namespace: that of what it is in, which names inside needn't say again.
    fileprivate func json(in namespace: String?) -> JSONValue {
        switch self {
        case .null, .boolean, .int, .long, .float, .double, .bytes, .string: .string(kind)
        case .array(let element): .object(["type": "array", "items": element.json(in: namespace)])
        case .map(let value): .object(["type": "map", "values": value.json(in: namespace)])
        case .union(let branches): .array(branches.map { $0.json(in: namespace) })
        case .named(let name): .string(AvroName.short(name, in: namespace))
        case .record(let record): record.json(in: namespace)
        case .enumeration(let enumeration): enumeration.json(in: namespace)
        case .fixed(let fixed): fixed.json(in: namespace)
        case .logical(let logical, let schema): logical.json(on: schema.json(in: namespace))
        }
    }
}

extension AvroRecord {
    fileprivate func json(in namespace: String?) -> JSONValue {
        var object = AvroName.object("record", fullName, aliases, in: namespace)
        if !doc.isEmpty { object["doc"] = .string(doc) }
        let own = AvroName.namespace(fullName)
        object["fields"] = .array(
            fields.map { field in
                var object: JSONObject = ["name": .string(field.name)]
                if !field.doc.isEmpty { object["doc"] = .string(field.doc) }
                if !field.aliases.isEmpty { object["aliases"] = .array(field.aliases.map(JSONValue.string)) }
                object["type"] = field.schema.json(in: own)
                if let value = field.defaultValue { object["default"] = (try? JSONValue(parsing: value)) ?? .null }
                return .object(object)
            })
        return .object(object)
    }
}

extension AvroEnumeration {
    fileprivate func json(in namespace: String?) -> JSONValue {
        var object = AvroName.object("enum", fullName, aliases, in: namespace)
        object["symbols"] = .array(symbols.map(JSONValue.string))
        if let defaultSymbol { object["default"] = .string(defaultSymbol) }
        return .object(object)
    }
}

extension AvroFixed {
    fileprivate func json(in namespace: String?) -> JSONValue {
        var object = AvroName.object("fixed", fullName, aliases, in: namespace)
        object["size"] = .number(JSONNumber(Int64(size)))
        return .object(object)
    }
}

extension AvroLogicalType {
    /// - Parameter schema: of the type below, as JSON.
    fileprivate func json(on schema: JSONValue) -> JSONValue {
        var object = schema.object ?? ["type": schema]
        object["logicalType"] = .string(name)
        if let precision { object["precision"] = .number(JSONNumber(Int64(precision))) }
        if let scale { object["scale"] = .number(JSONNumber(Int64(scale))) }
        return .object(object)
    }
}

/// Names with and without their namespaces ("Names").
enum AvroName {
    static func namespace(_ fullName: String) -> String? {
        fullName.lastIndex(of: ".").map { String(fullName[..<$0]) }
    }

    static func simple(_ fullName: String) -> String {
        fullName.lastIndex(of: ".").map { String(fullName[fullName.index(after: $0)...]) } ?? fullName
    }

    /// As it can be said within a namespace.
    static func short(_ fullName: String, in namespace: String?) -> String {
        self.namespace(fullName) == namespace ? simple(fullName) : fullName
    }

    /// As it is meant where it is said: with a dot it is whole.
    static func full(_ name: String, in namespace: String?) -> String {
        guard !name.contains("."), let namespace, !namespace.isEmpty else { return name }
        return "\(namespace).\(name)"
    }

    fileprivate static func object(
        _ type: String, _ fullName: String, _ aliases: [String], in outer: String?
    ) -> JSONObject {
        var object: JSONObject = ["type": .string(type), "name": .string(simple(fullName))]
        let own = namespace(fullName)
        if own != outer { object["namespace"] = .string(own ?? "") }
        if !aliases.isEmpty { object["aliases"] = .array(aliases.map { .string(short($0, in: own)) }) }
        return object
    }
}

/// JSON in lines, two blanks deep; what has only scalars in it stands on one.
private enum PrettyJSON {
    static func append(_ value: JSONValue, to text: inout String, indent: Int = 0) {
        let margin = String(repeating: " ", count: indent + 2)
        switch value {
        case .object(let object) where object.members.contains { isDeep($0.value) }:
            text += "{\n"
            for (index, member) in object.members.enumerated() {
                text += "\(margin)\(JSONValue.string(member.name)): "
                append(member.value, to: &text, indent: indent + 2)
                text += index + 1 < object.members.count ? ",\n" : "\n"
            }
            text += String(repeating: " ", count: indent) + "}"
        case .array(let elements) where elements.contains(where: isDeep):
            text += "[\n"
            for (index, element) in elements.enumerated() {
                text += margin
                append(element, to: &text, indent: indent + 2)
                text += index + 1 < elements.count ? ",\n" : "\n"
            }
            text += String(repeating: " ", count: indent) + "]"
        case .object(let object):
            text +=
                "{" + object.members.map { "\(JSONValue.string($0.name)): \($0.value)" }.joined(separator: ", ") + "}"
        case .array(let elements): text += "[" + elements.map { "\($0)" }.joined(separator: ", ") + "]"
        default: text += "\(value)"
        }
    }

    /// Whether it has more in it than a list of scalars.
    private static func isDeep(_ value: JSONValue) -> Bool {
        switch value {
        case .object: true
        case .array(let elements): elements.contains { if case .object = $0 { true } else { $0.array != nil } }
        default: false
        }
    }
}
