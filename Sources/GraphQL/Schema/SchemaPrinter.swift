extension Schema {
    /// The schema in the definition language, without the specification's own types: descriptions as block strings,
    /// directives where they stand.
    public var printed: String { SchemaPrinter(schema: self).text }
}

/// Writes a schema as text that reads as the same schema.
struct SchemaPrinter {
    let schema: Schema

    var text: String {
        var parts: [String] = []
        let usual =
            schema.queryType == "Query" && [nil, "Mutation"].contains(schema.mutationType)
            && [nil, "Subscription"].contains(schema.subscriptionType)
        if !usual || schema.description != nil { parts.append(schemaDefinition) }
        parts += schema.directives.filter { !$0.isBuiltIn }.map(directive)
        parts += schema.typeNames.compactMap { schema.types[$0] }.filter { !$0.isBuiltIn }.map(type)
        return parts.joined(separator: "\n\n") + "\n"
    }

    private var schemaDefinition: String {
        var lines = ["schema {"]
        lines.append("  query: \(schema.queryType)")
        if let name = schema.mutationType { lines.append("  mutation: \(name)") }
        if let name = schema.subscriptionType { lines.append("  subscription: \(name)") }
        return description(schema.description, "") + lines.joined(separator: "\n") + "\n}"
    }

    private func directive(_ definition: DirectiveDefinition) -> String {
        description(definition.description, "") + "directive @\(definition.name)" + arguments(definition.arguments, "")
            + (definition.isRepeatable ? " repeatable" : "") + " on " + definition.locations.joined(separator: " | ")
    }

    private func type(_ type: TypeDefinition) -> String {
        let head = description(type.description, "")
        let directives = applied(type.directives)
        switch type.kind {
        case .scalar: return head + "scalar \(type.name)\(directives)"
        case .object, .interface:
            let keyword = type.kind == .object ? "type" : "interface"
            let implements = type.interfaces.isEmpty ? "" : " implements " + type.interfaces.joined(separator: " & ")
            let fields = type.fields.map { field in
                description(field.description, "  ") + "  \(field.name)" + arguments(field.arguments, "  ")
                    + ": \(field.type)" + applied(field.directives)
            }
            return head + "\(keyword) \(type.name)\(implements)\(directives)" + block(fields)
        case .union: return head + "union \(type.name)\(directives) = " + type.members.joined(separator: " | ")
        case .enumeration:
            let values = type.values.map { value in
                description(value.description, "  ") + "  \(value.name)" + applied(value.directives)
            }
            return head + "enum \(type.name)\(directives)" + block(values)
        case .inputObject:
            let fields = type.inputFields.map { description($0.description, "  ") + "  " + input($0) }
            return head + "input \(type.name)\(directives)" + block(fields)
        }
    }

    private func block(_ lines: [String]) -> String { " {\n" + lines.joined(separator: "\n") + "\n}" }

    private func applied(_ directives: [DirectiveNode]) -> String { directives.map { " " + $0.printed }.joined() }

    private func input(_ value: InputValueDefinition) -> String {
        "\(value.name): \(value.type)" + (value.defaultValue.map { " = \($0.printed)" } ?? "")
            + applied(value.directives)
    }

    private func arguments(_ arguments: [InputValueDefinition], _ indentation: String) -> String {
        if arguments.isEmpty { return "" }
        if arguments.allSatisfy({ $0.description == nil }) {
            return "(" + arguments.map(input).joined(separator: ", ") + ")"
        }
        let inner = indentation + "  "
        let lines = arguments.map { description($0.description, inner) + inner + input($0) }
        return "(\n" + lines.joined(separator: "\n") + "\n\(indentation))"
    }

    private func description(_ text: String?, _ indentation: String) -> String {
        guard let text else { return "" }
        guard let lines = BlockString.lines(of: text) else {
            return indentation + ValueNode(content: .string(text), offset: 0).printed + "\n"
        }
        let single = lines.count == 1 && text.utf8.count < 70 && !text.hasSuffix("\"") && !text.hasSuffix("\\")
        if single { return "\(indentation)\"\"\"\(lines[0])\"\"\"\n" }
        let body = lines.map { $0.isEmpty ? "" : indentation + $0 }.joined(separator: "\n")
        return "\(indentation)\"\"\"\n\(body)\n\(indentation)\"\"\"\n"
    }
}
