// The schema as its language has it (the Protocol Buffers Language Specification, proto3).

extension ProtoFile {
    /// The file's text, the same for the same schema.
    public var text: String {
        var lines = ["syntax = \"\(syntax.rawValue)\";", ""]
        if !package.isEmpty { lines += ["package \(package);", ""] }
        if !imports.isEmpty { lines += imports.map { "import \"\($0)\";" } + [""] }
        let parts = enums.map(\.lines) + messages.map { $0.lines(syntax) }
        lines += parts.joined(separator: [""])
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ProtoMessage {
    fileprivate func lines(_ syntax: ProtoFile.Syntax) -> [String] {
        var parts: [[String]] = []
        if !reservedNumbers.isEmpty || !reservedNames.isEmpty {
            parts.append(ProtoFile.reserved(reservedNumbers, reservedNames))
        }
        parts.append(fieldLines(syntax))
        parts += enums.map(\.lines) + messages.map { $0.lines(syntax) }
        let body = parts.filter { !$0.isEmpty }.joined(separator: [""])
        return ProtoFile.comment(comment) + ["message \(name) {"] + ProtoFile.indented(Array(body)) + ["}"]
    }

    private func fieldLines(_ syntax: ProtoFile.Syntax) -> [String] {
        var lines: [String] = []
        var written: Set<String> = []
        for field in fields {
            guard let group = field.oneof else {
                lines += field.lines(syntax)
                continue
            }
            guard written.insert(group).inserted else { continue }
            let members = fields.filter { $0.oneof == group }
            lines += ["oneof \(group) {"] + ProtoFile.indented(members.flatMap { $0.lines(syntax) }) + ["}"]
        }
        return lines
    }
}

extension ProtoField {
    fileprivate func lines(_ syntax: ProtoFile.Syntax) -> [String] {
        let word: String =
            switch label {
            case _ where oneof != nil: ""
            case .implicit: ""
            case .optional: "optional "
            case .required: "required "
            case .repeated: "repeated "
            }
        let options = jsonName == ProtoNames.json(name) ? "" : " [json_name = \"\(jsonName)\"]"
        return ProtoFile.comment(comment) + ["\(word)\(type.text) \(name) = \(number)\(options);"]
    }
}

extension ProtoType {
    var text: String {
        switch self {
        case .named(let name): name
        case .map(let key, let value): "map<\(key.text), \(value.text)>"
        default: "\(self)"
        }
    }
}

extension ProtoEnum {
    fileprivate var lines: [String] {
        let reserved =
            reservedNumbers.isEmpty && reservedNames.isEmpty
            ? [] : ProtoFile.reserved(reservedNumbers, reservedNames) + [""]
        let body = reserved + values.map { "\($0.name) = \($0.number);" }
        return ["enum \(name) {"] + ProtoFile.indented(body) + ["}"]
    }
}

extension ProtoFile {
    fileprivate static func reserved(_ numbers: [ClosedRange<Int>], _ names: Set<String>) -> [String] {
        var lines: [String] = []
        if !numbers.isEmpty {
            let ranges = numbers.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound) to \($0.upperBound)" }
            lines.append("reserved \(ranges.joined(separator: ", "));")
        }
        if !names.isEmpty { lines.append("reserved \(names.sorted().map { "\"\($0)\"" }.joined(separator: ", "));") }
        return lines
    }

    fileprivate static func comment(_ text: String) -> [String] {
        text.isEmpty ? [] : text.split(separator: "\n", omittingEmptySubsequences: false).map { "// \($0)" }
    }

    fileprivate static func indented(_ lines: [String]) -> [String] { lines.map { $0.isEmpty ? "" : "  \($0)" } }
}
