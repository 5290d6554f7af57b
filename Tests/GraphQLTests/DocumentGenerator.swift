import GraphQL
import Randomness

/// Makes documents from a schema: mostly right ones, then some with a few tokens changed.
struct DocumentGenerator {
    let schema: Schema
    var random: SeededGenerator
    private var variables: [(name: String, type: TypeReference)] = []
    private var fragments: [(name: String, type: String, body: String)] = []

    init(schema: Schema, random: SeededGenerator) {
        self.schema = schema
        self.random = random
    }

    mutating func document() -> String {
        variables = []
        fragments = []
        var text = operation()
        for fragment in fragments { text += "\nfragment \(fragment.name) on \(fragment.type) \(fragment.body)" }
        return text
    }

    private mutating func operation() -> String {
        let kind = chance(12) ? "mutation" : "query"
        let root = kind == "query" ? "Query" : "Mutation"
        let body = selections(of: root, depth: 0)
        let head = chance(4) || kind == "mutation" || !variables.isEmpty ? kind + (chance(2) ? " Op" : "") : ""
        guard !head.isEmpty else { return body }
        let declared = variables.map { "$\($0.name): \($0.type)" + defaultValue(of: $0.type) }
        return head + (declared.isEmpty ? "" : "(\(declared.joined(separator: ", ")))")
            + (chance(15) && kind == "query" ? " @onQuery" : "")
            + " " + body
    }

    private mutating func defaultValue(of type: TypeReference) -> String {
        type.isNonNull || !chance(4) ? "" : " = " + literal(type, depth: 0, constant: true)
    }

    // MARK: Selections

    private mutating func selections(of name: String, depth: Int) -> String {
        guard let type = schema.types[name] else { return "{ __typename }" }
        var parts: [String] = []
        for _ in 0..<(1 + below(depth == 0 ? 3 : 2)) {
            switch below(10) {
            case 0 where depth < 4:
                parts.append(
                    "... " + (chance(4) ? "" : "on \(related(to: type)) ") + directives("INLINE_FRAGMENT")
                        + selections(of: lastRelated ?? name, depth: depth + 1))
            case 1 where depth < 4: parts.append(spread(in: type, depth: depth))
            case 2: parts.append((chance(3) ? "t: " : "") + "__typename")
            default: parts.append(field(of: type, depth: depth))
            }
            lastRelated = nil
        }
        if depth == 0, chance(40) {
            parts.append(#"__type(name: "Dog") { name kind fields { name type { kind ofType { name } } } }"#)
        }
        return "{ " + parts.joined(separator: chance(6) ? ", " : " ") + " }"
    }

    private var lastRelated: String?

    /// A type whose objects may be of the other.
    private mutating func related(to type: TypeDefinition) -> String {
        let candidates = schema.typeNames.filter { name in
            guard let other = schema.types[name], other.kind.isComposite, !other.isBuiltIn else { return false }
            return schema.possibleTypes(of: type).contains { schema.possibleTypes(of: other).contains($0) }
        }
        lastRelated = candidates.isEmpty ? type.name : pick(candidates)
        return lastRelated ?? type.name
    }

    private mutating func spread(in type: TypeDefinition, depth: Int) -> String {
        if let known = fragments.filter({ $0.type == type.name }).first, chance(2) { return "...\(known.name)" }
        let target = related(to: type)
        let name = "F\(fragments.count)"
        let index = fragments.count
        fragments.append((name, target, ""))
        // Held back while its body is made, so that it isn't spread within itself.
        let hidden = fragments[index].type
        fragments[index].type = "-"
        let body = selections(of: target, depth: depth + 1)
        fragments[index] = (name, hidden, body)
        return "...\(name)" + directives("FRAGMENT_SPREAD")
    }

    private mutating func field(of type: TypeDefinition, depth: Int) -> String {
        let leaves = type.fields.filter { schema.types[$0.type.name]?.kind.isLeaf == true }
        let fields = depth >= 4 || chance(3) ? leaves : type.fields
        guard !fields.isEmpty else { return "__typename" }
        let field = pick(fields)
        var text = (chance(5) ? "\(pick(["a", "b", "c", "name", "id"])): " : "") + field.name
        let arguments = field.arguments.compactMap { argument -> String? in
            guard argument.isRequired || chance(field.arguments.count > 5 ? 5 : 2) else { return nil }
            return "\(argument.name): \(value(argument.type, hasDefault: argument.defaultValue != nil, depth: 0))"
        }
        if !arguments.isEmpty { text += "(\(arguments.joined(separator: ", ")))" }
        text += directives("FIELD")
        if schema.types[field.type.name]?.kind.isComposite == true {
            text += " " + selections(of: field.type.name, depth: depth + 1)
        }
        return text
    }

    private mutating func directives(_ location: String) -> String {
        switch below(16) {
        case 0: " @skip(if: \(value(.nonNull(.named("Boolean")), hasDefault: false, depth: 0)))"
        case 1: " @include(if: \(value(.nonNull(.named("Boolean")), hasDefault: false, depth: 0)))"
        case 2 where location == "FIELD": " @onField(note: \"x\")"
        case 3: " @many(n: 1) @many(n: 2)"
        default: " "
        }
    }

    // MARK: Values

    private mutating func value(_ type: TypeReference, hasDefault: Bool, depth: Int) -> String {
        if chance(5) {
            let usable = variables.filter { $0.type == type }
            if let known = usable.first, chance(2) { return "$\(known.name)" }
            let name = "v\(variables.count)"
            variables.append((name, type))
            return "$\(name)"
        }
        return literal(type, depth: depth, constant: false)
    }

    private mutating func inner(_ type: TypeReference, depth: Int, constant: Bool) -> String {
        constant ? literal(type, depth: depth, constant: true) : value(type, hasDefault: false, depth: depth)
    }

    private mutating func literal(_ type: TypeReference, depth: Int, constant: Bool) -> String {
        switch type {
        case .nonNull(let inner): return plain(inner, depth: depth, constant: constant)
        default: return chance(10) ? "null" : plain(type, depth: depth, constant: constant)
        }
    }

    private mutating func plain(_ type: TypeReference, depth: Int, constant: Bool) -> String {
        switch type {
        case .nonNull(let inner): return plain(inner, depth: depth, constant: constant)
        case .list(let element):
            if chance(5) { return plain(element, depth: depth, constant: constant) }
            return "["
                + (0..<below(3)).map { _ in inner(element, depth: depth + 1, constant: constant) }.joined(
                    separator: ", ") + "]"
        case .named(let name):
            switch name {
            case "Int": return pick(["0", "1", "-5", "2147483647", "42"])
            case "Float": return pick(["1", "1.5", "-0.25", "1e3", "2.5E-2"])
            case "String":
                return pick([#""x""#, #""\u00e9\n\"""#, #""\u{1F600}""#, "\"\"\"\n  block\n    text\n  \"\"\"", #""""#])
            case "Boolean": return pick(["true", "false"])
            case "ID": return pick([#""id1""#, "12"])
            case "Any": return pick(["1", #""s""#, "[1, {a: B}]", "{x: {y: 1.5}}", "true"])
            default: return composed(name, depth: depth, constant: constant)
            }
        }
    }

    private mutating func composed(_ name: String, depth: Int, constant: Bool) -> String {
        guard let type = schema.types[name] else { return "null" }
        if type.kind == .enumeration { return pick(type.values.map(\.name)) }
        if type.isOneOf {
            let field = pick(type.inputFields)
            return "{\(field.name): \(plain(field.type, depth: depth + 1, constant: constant))}"
        }
        let fields = type.inputFields.filter { $0.isRequired || (depth < 3 && chance(4)) }
        return "{"
            + fields.map { "\($0.name): \(inner($0.type, depth: depth + 1, constant: constant))" }.joined(
                separator: ", ") + "}"
    }

    // MARK: Mutation

    /// The document with one to three of its words changed, left out, doubled or exchanged.
    mutating func mutated(_ document: String) -> String {
        var words = Self.words(of: document)
        for _ in 0..<(1 + below(3)) where !words.isEmpty {
            let index = below(words.count)
            switch below(10) {
            case 7, 8, 9:
                // A name for a name: what still parses.
                let names = words.indices.filter { words[$0].first?.isLetter == true }
                if !names.isEmpty { words[pick(names)] = pick(Self.names) }
            case 0: words.remove(at: index)
            case 1: words.insert(words[index], at: index)
            case 2: words.swapAt(index, below(words.count))
            case 3, 4, 5: words[index] = pick(Self.pool)
            default: words.insert(pick(Self.pool), at: index)
            }
        }
        return words.joined(separator: " ")
    }

    private static let names = [
        "dog", "cat", "pet", "name", "id", "barks", "owner", "friends", "echo", "needs", "Dog", "Cat", "Pet", "Human",
        "Int",
        "Filter", "Found", "Nope", "nope", "F0", "F1", "null", "true", "BIG", "SIT", "kind", "age", "lives", "int",
        "must",
        "filter", "list", "__typename", "failsHard", "meows", "first", "upper", "String", "Boolean", "a", "b",
    ]

    private static let pool = [
        "dog", "cat", "name", "id", "barks", "owner", "friends", "echo", "needs", "Dog", "Cat", "Pet", "Human",
        "Filter",
        "Found", "Nope", "nope", "F0", "F1", "$v0", "$v1", "$nope", "null", "1", "1.5", "\"s\"", "true", "BIG", "SIT",
        "{", "}", "(", ")", "[", "]", ":", "!", "=", "@", "...", "|", "&", "on", "query", "fragment", "mutation",
        "subscription", "@skip(if: true)", "@include(if: $v0)", "@onQuery", "@many(n: 1)", "@nope", "{ __typename }",
        "... on Dog", "... on Cat { id }", "...F0", "a: id", "a: name", "(first: 1)", "(id: 1)", "(upper: true)",
        "filter: {must: true}", "choice: {id: 1, name: \"x\"}", "choice: {id: null}", "($v0: Int)", "3000000000", "#\n",
        "\"\"\"b\"\"\"", "{must: 1}", "[Int]", "Int!", "..", "-", "01", "1.", "'x'", "\"\\u{110000}\"", "\u{FEFF}", "é",
        "type T { a: Int }", "__schema { description }", "failsHard", "age", "kind", "lives",
    ]

    /// Split where a word may stand alone: strings stay whole.
    private static func words(of text: String) -> [String] {
        var words: [String] = []
        var current = ""
        var inString = false
        for character in text {
            if character == "\"" { inString.toggle() }
            if inString || character == "\"" {
                current.append(character)
            } else if character.isWhitespace || character == "," {
                if !current.isEmpty { words.append(current) }
                current = ""
            } else if "{}()[]:!=@|&".contains(character) {
                if !current.isEmpty { words.append(current) }
                current = ""
                words.append(String(character))
            } else {
                current.append(character)
            }
        }
        if !current.isEmpty { words.append(current) }
        return words
    }

    // MARK: Dice

    private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &random) }
    private mutating func chance(_ n: Int) -> Bool { below(n) == 0 }
    private mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

    /// Values for the variables of the last document; sometimes of the wrong kind, sometimes none.
    mutating func variableValues() -> [(name: String, literal: String)] {
        variables.compactMap { variable in
            if chance(4) { return nil }
            return (variable.name, json(variable.type, depth: 0))
        }
    }

    private mutating func json(_ type: TypeReference, depth: Int) -> String {
        if chance(25) { return pick(["null", "[]", "{}", "\"x\"", "1.5", "[[null]]", "1.0", "3000000000", "true"]) }
        switch type {
        case .nonNull(let inner): return json(inner, depth: depth)
        case .list(let element):
            return "[" + (0..<below(3)).map { _ in json(element, depth: depth + 1) }.joined(separator: ",") + "]"
        case .named("Int"): return pick(["1", "-7", "2147483647"])
        case .named("Float"): return pick(["1", "1.25", "-3e2"])
        case .named("String"): return pick(["\"a\"", "\"\\u00e9\""])
        case .named("Boolean"): return pick(["true", "false"])
        case .named("ID"): return pick(["\"i\"", "5"])
        case .named("Any"): return pick(["1", "[1,2]", "{\"a\":null}"])
        case .named(let name):
            guard let type = schema.types[name] else { return "null" }
            if type.kind == .enumeration { return "\"\(pick(type.values.map(\.name)))\"" }
            if type.isOneOf {
                let field = pick(type.inputFields)
                return "{\"\(field.name)\":\(json(field.type, depth: depth + 1))}"
            }
            let fields = type.inputFields.filter { $0.isRequired || (depth < 3 && chance(4)) }
            return "{" + fields.map { "\"\($0.name)\":\(json($0.type, depth: depth + 1))" }.joined(separator: ",") + "}"
        }
    }
}
