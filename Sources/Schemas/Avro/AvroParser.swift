import JSON

// Reads schemas of Avro (Apache Avro 1.12, "Schema Declaration").

extension AvroDocument {
    /// - Throws: `SchemaSyntaxError`, with the place as a JSON pointer, for what is no such schema.
    public init(parsing text: String) throws(SchemaSyntaxError) {
        guard text.utf8.count <= SchemaBounds.limit else {
            throw SchemaSyntaxError("\(text.utf8.count) bytes, more than \(SchemaBounds.limit)")
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: text, depthLimit: SchemaBounds.depth * 2)
        } catch {
            // A primitive type may stand there without its quotes, as registries have it.
            guard let primitive = AvroParser.primitives[text] else { throw SchemaSyntaxError("\(error)") }
            self.init(primitive)
            return
        }
        var parser = AvroParser()
        self.init(try parser.schema(value, in: nil, at: ""))
    }
}

private struct AvroParser {
    private var declared: Set<String> = []

    static let primitives: [String: AvroSchema] = [
        "null": .null, "boolean": .boolean, "int": .int, "long": .long, "float": .float, "double": .double,
        "bytes": .bytes, "string": .string,
    ]

    mutating func schema(
        _ value: JSONValue, in namespace: String?, at place: String
    ) throws(SchemaSyntaxError) -> AvroSchema {
        switch value {
        case .string(let name): return try named(name, in: namespace, at: place)
        case .array(let elements): return try union(elements, in: namespace, at: place)
        case .object(let object):
            guard let type = object["type"] else { throw failure(place, "has no type") }
            guard let name = type.string else { return try schema(type, in: namespace, at: place + "/type") }
            let bare: AvroSchema =
                switch name {
                case "array": .array(try inner(object, "items", in: namespace, at: place))
                case "map": .map(try inner(object, "values", in: namespace, at: place))
                case "record", "error": try record(object, in: namespace, at: place)
                case "enum": try enumeration(object, in: namespace, at: place)
                case "fixed": try fixed(object, in: namespace, at: place)
                default: try named(name, in: namespace, at: place)
                }
            guard let logical = object["logicalType"]?.string else { return bare }
            return .logical(
                AvroLogicalType(
                    logical, precision: object["precision"]?.int64.flatMap { Int(exactly: $0) },
                    scale: object["scale"]?.int64.flatMap { Int(exactly: $0) }), bare)
        default: throw failure(place, "is no schema")
        }
    }

    private func failure(_ place: String, _ words: String) -> SchemaSyntaxError {
        SchemaSyntaxError("\(place.isEmpty ? "/" : place) \(words)")
    }

    private mutating func inner(
        _ object: JSONObject, _ member: String, in namespace: String?, at place: String
    ) throws(SchemaSyntaxError) -> AvroSchema {
        guard let value = object[member] else { throw failure(place, "has no \(member)") }
        return try schema(value, in: namespace, at: "\(place)/\(member)")
    }

    private func named(_ name: String, in namespace: String?, at place: String) throws(SchemaSyntaxError) -> AvroSchema
    {
        if let primitive = Self.primitives[name] { return primitive }
        let full = AvroName.full(name, in: namespace)
        // Names without a namespace of their own may mean one that has none.
        guard let found = [full, name].first(where: declared.contains) else {
            throw failure(place, "names \(full), which isn't declared before")
        }
        return .named(found)
    }

    private mutating func union(
        _ elements: [JSONValue], in namespace: String?, at place: String
    ) throws(SchemaSyntaxError) -> AvroSchema {
        var branches: [AvroSchema] = []
        var kinds: Set<String> = []
        for (index, element) in elements.enumerated() {
            let branch = try schema(element, in: namespace, at: "\(place)/\(index)")
            if case .union = branch { throw failure("\(place)/\(index)", "is a union in a union") }
            guard kinds.insert(branch.kind).inserted else {
                throw failure("\(place)/\(index)", "is the second \(branch.kind) of a union")
            }
            branches.append(branch)
        }
        return .union(branches)
    }

    // MARK: Types with names

    private mutating func record(
        _ object: JSONObject, in namespace: String?, at place: String
    ) throws(SchemaSyntaxError) -> AvroSchema {
        let name = try declare(object, in: namespace, at: place)
        guard let list = object["fields"]?.array else { throw failure(place, "has no fields") }
        var fields: [AvroField] = []
        var names: Set<String> = []
        for (index, value) in list.enumerated() {
            let place = "\(place)/fields/\(index)"
            guard let fieldName = value["name"]?.string, let type = value["type"] else {
                throw failure(place, "needs a name and a type")
            }
            guard names.insert(fieldName).inserted else { throw failure(place, "has the name of another") }
            fields.append(
                AvroField(
                    fieldName, try schema(type, in: AvroName.namespace(name), at: "\(place)/type"),
                    doc: value["doc"]?.string ?? "", aliases: strings(value["aliases"]),
                    defaultValue: value["default"].map { "\($0)" }))
        }
        return .record(
            AvroRecord(name, doc: object["doc"]?.string ?? "", aliases: aliases(object, of: name), fields))
    }

    private mutating func enumeration(
        _ object: JSONObject, in namespace: String?, at place: String
    ) throws(SchemaSyntaxError) -> AvroSchema {
        let name = try declare(object, in: namespace, at: place)
        let symbols = strings(object["symbols"])
        guard !symbols.isEmpty, Set(symbols).count == symbols.count else {
            throw failure(place, "needs symbols, each once")
        }
        let fallback = object["default"]?.string
        guard fallback.map(symbols.contains) ?? true else { throw failure(place, "has a default that is no symbol") }
        return .enumeration(
            AvroEnumeration(name, aliases: aliases(object, of: name), symbols, defaultSymbol: fallback))
    }

    private mutating func fixed(
        _ object: JSONObject, in namespace: String?, at place: String
    ) throws(SchemaSyntaxError) -> AvroSchema {
        let name = try declare(object, in: namespace, at: place)
        guard let size = object["size"]?.int64, (0...Int64(SchemaBounds.limit)).contains(size) else {
            throw failure(place, "needs a size")
        }
        return .fixed(AvroFixed(name, aliases: aliases(object, of: name), size: Int(size)))
    }

    private mutating func declare(
        _ object: JSONObject, in namespace: String?, at place: String
    ) throws(SchemaSyntaxError) -> String {
        guard let name = object["name"]?.string, !name.isEmpty else { throw failure(place, "has no name") }
        let full = AvroName.full(name, in: object["namespace"]?.string ?? namespace)
        guard Self.primitives[full] == nil, declared.insert(full).inserted else {
            throw failure(place, "declares \(full) again")
        }
        return full
    }

    private func aliases(_ object: JSONObject, of name: String) -> [String] {
        strings(object["aliases"]).map { AvroName.full($0, in: AvroName.namespace(name)) }
    }

    private func strings(_ value: JSONValue?) -> [String] { value?.array?.compactMap(\.string) ?? [] }
}

extension AvroSchema {
    /// What a union may have but once.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "boolean"
        case .int: "int"
        case .long: "long"
        case .float: "float"
        case .double: "double"
        case .bytes: "bytes"
        case .string: "string"
        case .array: "array"
        case .map: "map"
        case .union: "union"
        case .record(let record): record.fullName
        case .enumeration(let enumeration): enumeration.fullName
        case .fixed(let fixed): fixed.fullName
        case .named(let name): name
        case .logical(_, let schema): schema.kind
        }
    }
}
