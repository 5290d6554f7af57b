/// Rules about arguments, directives and values (specification, sections 5.4, 5.6, 5.7).
extension DefinitionWalk {
    /// Argument Names (5.4.1), Argument Uniqueness (5.4.2), and their values.
    ///
    /// - Parameter definitions: nil where the owner isn't known.
    mutating func walk(_ arguments: [ArgumentNode], of definitions: [InputValueDefinition]?, owner: String) {
        var names: [String: [Int]] = [:]
        var order: [String] = []
        for argument in arguments {
            if names[argument.name.text] == nil { order.append(argument.name.text) }
            names[argument.name.text, default: []].append(argument.offset)
            let definition = definitions?.first { $0.name == argument.name.text }
            if definitions != nil, definition == nil {
                fail("Unknown argument '\(argument.name.text)' on \(owner).", argument.offset)
            }
            walk(argument.value, as: definition?.type, hasDefault: definition?.defaultValue != nil)
        }
        for name in order {
            guard let offsets = names[name], offsets.count > 1 else { continue }
            problems.append(Problem(message: "There can be only one argument named '\(name)'.", offsets: offsets))
        }
    }

    /// Required Arguments (5.4.3).
    mutating func checkRequired(
        _ arguments: [ArgumentNode], _ definitions: [InputValueDefinition], _ owner: String, _ offset: Int
    ) {
        for definition in definitions
        where definition.isRequired && !arguments.contains(where: { $0.name.text == definition.name }) {
            fail(
                "\(owner) argument '\(definition.name)' of type '\(definition.type)' is required, but it was not provided.",
                offset)
        }
    }

    /// Directives Are Defined (5.7.1), In Valid Locations (5.7.2), Unique Per Location (5.7.3).
    mutating func walk(_ directives: [DirectiveNode], at location: String) {
        var seen: [String: Int] = [:]
        for node in directives {
            let name = node.name.text
            let definition = schema.directive(name)
            if let definition {
                if !definition.locations.contains(location) {
                    fail("Directive '@\(name)' may not be used on \(location).", node.offset)
                }
                if !definition.isRepeatable {
                    if let first = seen[name] {
                        fail("The directive '@\(name)' can only be used once at this location.", first, node.offset)
                    } else {
                        seen[name] = node.offset
                    }
                }
                checkRequired(node.arguments, definition.arguments, "Directive '@\(name)'", node.offset)
            } else {
                fail("Unknown directive '@\(name)'.", node.offset)
            }
            walk(node.arguments, of: definition?.arguments, owner: "directive '@\(name)'")
        }
    }

    // MARK: Values

    /// Values of Correct Type (5.6.1), and everything inside.
    mutating func walk(_ value: ValueNode, as type: TypeReference?, hasDefault: Bool = false) {
        if let type {
            var check = LiteralCheck(schema: schema)
            check.check(value, as: type)
            for problem in check.problems { fail(problem.message, problem.offset) }
        }
        visit(value, as: type, hasDefault: hasDefault, oneOf: nil)
    }

    /// Notes variables, and finds fields that an object has twice (5.6.3).
    private mutating func visit(_ value: ValueNode, as type: TypeReference?, hasDefault: Bool, oneOf: String?) {
        switch value.content {
        case .variable(let name):
            usages.append(
                VariableUsage(name: name, offset: value.offset, type: type, hasDefault: hasDefault, oneOf: oneOf))
        case .list(let elements):
            // A list in the place of another value is an error that was told; what its elements should be isn't known.
            let element = type?.element
            for item in elements { visit(item, as: element, hasDefault: false, oneOf: nil) }
        case .object(let fields):
            let object = type.flatMap { schema.types[$0.name] }
            var seen: [String: Int] = [:]
            for field in fields {
                if let first = seen[field.name.text] {
                    fail("There can be only one input field named '\(field.name.text)'.", first, field.name.offset)
                } else {
                    seen[field.name.text] = field.name.offset
                }
                let definition = object?.inputField(field.name.text)
                visit(
                    field.value, as: definition?.type, hasDefault: definition?.defaultValue != nil,
                    oneOf: object?.isOneOf == true ? object?.name : nil)
            }
        default: break
        }
    }
}
