// Reads `.proto` files: the messages and enums of proto3 and proto2 (the Protocol Buffers Language Specification).
// Services, extensions and options other than `json_name` are passed over; groups and editions aren't read.

extension ProtoFile {
    /// - Throws: `SchemaSyntaxError`, with the line, for what is no such file.
    public init(parsing text: String) throws(SchemaSyntaxError) {
        guard text.utf8.count <= SchemaBounds.limit else {
            throw SchemaSyntaxError("\(text.utf8.count) bytes, more than \(SchemaBounds.limit)")
        }
        var parser = ProtoParser(tokens: try ProtoTokens(text))
        self = try parser.file()
    }
}

private struct ProtoParser {
    var tokens: ProtoTokens
    private var syntax = ProtoFile.Syntax.proto2

    init(tokens: ProtoTokens) { self.tokens = tokens }

    mutating func file() throws(SchemaSyntaxError) -> ProtoFile {
        var (package, imports) = ("", [String]())
        var (messages, enums) = ([ProtoMessage](), [ProtoEnum]())
        while tokens.next != .end {
            if try tokens.skip(";") { continue }
            switch try tokens.name() {
            case "syntax":
                try tokens.expect("=")
                let name = try tokens.text()
                guard let known = ProtoFile.Syntax(rawValue: name) else { throw tokens.failure("syntax \(name)") }
                syntax = known
                try tokens.expect(";")
            case "edition": throw tokens.failure("editions aren't read: proto3 and proto2 are")
            case "package":
                package = try tokens.name()
                try tokens.expect(";")
            case "import":
                if try !tokens.skip(word: "public") { _ = try tokens.skip(word: "weak") }
                imports.append(try tokens.text())
                try tokens.expect(";")
            case "message": messages.append(try message(depth: 1))
            case "enum": enums.append(try enumeration())
            case "option", "service", "extend": try tokens.skipStatement()
            case let word: throw tokens.failure("unexpected \(word)")
            }
        }
        try check(messages.map(\.name) + enums.map(\.name), "declared twice")
        return ProtoFile(syntax: syntax, package: package, imports: imports, messages: messages, enums: enums)
    }

    // MARK: Messages

    private mutating func message(depth: Int) throws(SchemaSyntaxError) -> ProtoMessage {
        guard depth <= SchemaBounds.depth else {
            throw tokens.failure("messages in messages beyond \(SchemaBounds.depth)")
        }
        let name = try tokens.name()
        try tokens.expect("{")
        var (fields, messages, enums) = ([ProtoField](), [ProtoMessage](), [ProtoEnum]())
        var (numbers, names) = ([ClosedRange<Int>](), Set<String>())
        while try !tokens.skip("}") {
            if try tokens.skip(";") { continue }
            guard case .name(let word) = tokens.next else { throw tokens.failure("expected a field of \(name)") }
            switch word {
            case "message":
                try tokens.take()
                messages.append(try self.message(depth: depth + 1))
            case "enum":
                try tokens.take()
                enums.append(try enumeration())
            case "oneof":
                try tokens.take()
                fields += try oneof()
            case "reserved":
                try tokens.take()
                try reserved(&numbers, &names)
            case "option", "extensions", "extend": try tokens.skipStatement()
            default: fields.append(try field(in: nil))
            }
        }
        try check(fields.map(\.name), "a field twice in \(name)")
        try check(fields.map { "\($0.number)" }, "a number twice in \(name)")
        try check(messages.map(\.name) + enums.map(\.name), "declared twice in \(name)")
        return ProtoMessage(
            name, fields: fields, messages: messages, enums: enums, reservedNumbers: numbers, reservedNames: names)
    }

    private mutating func oneof() throws(SchemaSyntaxError) -> [ProtoField] {
        let name = try tokens.name()
        try tokens.expect("{")
        var fields: [ProtoField] = []
        while try !tokens.skip("}") {
            if try tokens.skip(";") { continue }
            if tokens.next == .name("option") {
                try tokens.skipStatement()
            } else {
                fields.append(try field(in: name))
            }
        }
        return fields
    }

    private mutating func field(in oneof: String?) throws(SchemaSyntaxError) -> ProtoField {
        var label = ProtoField.Label.implicit
        if oneof != nil {
            label = .optional
        } else if try tokens.skip(word: "optional") {
            label = .optional
        } else if try tokens.skip(word: "required") {
            label = .required
        } else if try tokens.skip(word: "repeated") {
            label = .repeated
        }
        let word = try tokens.name()
        guard word != "group" else { throw tokens.failure("groups aren't read: a message does the same") }
        var type = Self.type(word)
        if word == "map", try tokens.skip("<") {
            let key = Self.type(try tokens.name())
            try tokens.expect(",")
            type = .map(key, Self.type(try tokens.name()))
            try tokens.expect(">")
        }
        let name = try tokens.name()
        try tokens.expect("=")
        let number = try tokens.integer()
        guard (1...536_870_911).contains(number) else { throw tokens.failure("\(name) has the number \(number)") }
        let jsonName = try fieldOptions()
        try tokens.expect(";")
        return ProtoField(name, number, type, label, oneof: oneof, jsonName: jsonName)
    }

    /// - Returns: `json_name`, where it is there.
    private mutating func fieldOptions() throws(SchemaSyntaxError) -> String? {
        guard try tokens.skip("[") else { return nil }
        var jsonName: String?
        var depth = 1
        while depth > 0 {
            switch try tokens.take() {
            case .end: throw tokens.failure("options without their end")
            case .sign(UInt8(ascii: "[")), .sign(UInt8(ascii: "{")): depth += 1
            case .sign(UInt8(ascii: "]")), .sign(UInt8(ascii: "}")): depth -= 1
            case .name("json_name") where depth == 1:
                try tokens.expect("=")
                jsonName = try tokens.text()
            default: break
            }
        }
        return jsonName
    }

    private static func type(_ word: String) -> ProtoType {
        switch word {
        case "double": .double
        case "float": .float
        case "int32": .int32
        case "int64": .int64
        case "uint32": .uint32
        case "uint64": .uint64
        case "sint32": .sint32
        case "sint64": .sint64
        case "fixed32": .fixed32
        case "fixed64": .fixed64
        case "sfixed32": .sfixed32
        case "sfixed64": .sfixed64
        case "bool": .bool
        case "string": .string
        case "bytes": .bytes
        default: .named(word)
        }
    }

    // MARK: Enums and what is reserved

    private mutating func enumeration() throws(SchemaSyntaxError) -> ProtoEnum {
        let name = try tokens.name()
        try tokens.expect("{")
        var values: [ProtoEnum.Value] = []
        var (numbers, names) = ([ClosedRange<Int>](), Set<String>())
        while try !tokens.skip("}") {
            if try tokens.skip(";") { continue }
            if tokens.next == .name("option") {
                try tokens.skipStatement()
            } else if try tokens.skip(word: "reserved") {
                try reserved(&numbers, &names)
            } else {
                let value = try tokens.name()
                try tokens.expect("=")
                guard let number = Int32(exactly: try tokens.integer()) else {
                    throw tokens.failure("\(value) is beyond 32 bits")
                }
                _ = try fieldOptions()
                try tokens.expect(";")
                values.append(ProtoEnum.Value(value, number))
            }
        }
        try check(values.map(\.name), "a value twice in \(name)")
        return ProtoEnum(name, values, reservedNumbers: numbers, reservedNames: names)
    }

    private mutating func reserved(
        _ numbers: inout [ClosedRange<Int>], _ names: inout Set<String>
    ) throws(SchemaSyntaxError) {
        repeat {
            if case .text = tokens.next {
                names.insert(try tokens.text())
            } else {
                let first = try tokens.integer()
                var last = first
                if try tokens.skip(word: "to") {
                    last = try tokens.skip(word: "max") ? Int(Int32.max) : try tokens.integer()
                }
                guard first <= last else { throw tokens.failure("reserved \(first) to \(last)") }
                numbers.append(first...last)
            }
        } while try tokens.skip(",")
        try tokens.expect(";")
    }

    private func check(_ names: [String], _ words: String) throws(SchemaSyntaxError) {
        var seen: Set<String> = []
        for name in names where !seen.insert(name).inserted { throw tokens.failure("\(name) is \(words)") }
    }
}
