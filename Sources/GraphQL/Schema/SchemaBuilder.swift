/// Makes the definitions of a schema from its syntax, extensions merged into what they extend.
struct SchemaBuilder {
    struct Parts {
        var description: String?
        var types: [String: TypeDefinition] = [:]
        var typeNames: [String] = []
        var directives: [DirectiveDefinition] = []
        var roots: [OperationKind: String] = [:]
    }

    private(set) var errors: [GraphQLError] = []
    private(set) var source = SourceText("")
    private var parts = Parts()
    private var nodes: [String: (node: TypeDefinitionNode, offset: Int)] = [:]
    private var order: [String] = []
    private var schema: SchemaNode?

    mutating func build(_ text: String) throws(SchemaErrors) -> Parts {
        source = SourceText(text)
        let document = try parse(source)
        for definition in document.definitions {
            guard case .typeSystem(let definition) = definition else {
                errors.append(GraphQLError("A schema has no operations and fragments."))
                continue
            }
            if !definition.isExtension { declare(definition) }
        }
        for case .typeSystem(let definition) in document.definitions where definition.isExtension { extend(definition) }
        takeRoots()
        for name in order { if let entry = nodes[name] { add(entry.node, offset: entry.offset, isBuiltIn: false) } }
        try addBuiltIns(text)
        return parts
    }

    private func parse(_ source: SourceText) throws(SchemaErrors) -> Document {
        do throws(GraphQLError) {
            return try Parser.document(source, limits: ParserLimits(tokens: 1_000_000, nesting: 100))
        } catch {
            throw SchemaErrors(errors: [error])
        }
    }

    private mutating func fail(_ message: String, at offset: Int) {
        errors.append(GraphQLError(message, locations: [source.location(at: offset)]))
    }

    // MARK: Definitions and extensions

    private mutating func declare(_ definition: TypeSystemDefinition) {
        switch definition.content {
        case .schema(let node):
            if schema != nil { fail("Must provide only one schema definition.", at: definition.offset) }
            schema = schema ?? node
        case .type(let node):
            guard nodes[node.name.text] == nil else {
                return fail("There can be only one type named '\(node.name.text)'.", at: node.name.offset)
            }
            nodes[node.name.text] = (node, definition.offset)
            order.append(node.name.text)
        case .directive(let node):
            guard !parts.directives.contains(where: { $0.name == node.name.text }) else {
                return fail("There can be only one directive named '@\(node.name.text)'.", at: node.name.offset)
            }
            parts.directives.append(directive(node, isBuiltIn: false))
        }
    }

    private mutating func extend(_ definition: TypeSystemDefinition) {
        switch definition.content {
        case .directive: break
        case .schema(let node):
            schema = SchemaNode(
                description: schema?.description, directives: (schema?.directives ?? []) + node.directives,
                rootTypes: (schema?.rootTypes ?? []) + node.rootTypes)
        case .type(let node):
            let name = node.name.text
            guard let (base, offset) = nodes[name] else {
                return fail("Cannot extend type '\(name)' because it is not defined.", at: node.name.offset)
            }
            guard base.kind == node.kind else {
                return fail("Cannot extend '\(name)', which is of another kind.", at: node.name.offset)
            }
            let merged = TypeDefinitionNode(
                kind: base.kind, name: base.name, description: base.description,
                directives: base.directives + node.directives, interfaces: base.interfaces + node.interfaces,
                fields: base.fields + node.fields, members: base.members + node.members,
                values: base.values + node.values, inputFields: base.inputFields + node.inputFields)
            nodes[name] = (merged, offset)
        }
    }

    private mutating func takeRoots() {
        parts.description = schema?.description
        guard let schema, !schema.rootTypes.isEmpty else {
            for (kind, name) in [
                (OperationKind.query, "Query"), (.mutation, "Mutation"), (.subscription, "Subscription"),
            ]
            where nodes[name] != nil { parts.roots[kind] = name }
            return
        }
        for root in schema.rootTypes {
            if parts.roots[root.kind] != nil {
                fail("There can be only one \(root.kind.rawValue) type in schema.", at: root.type.offset)
            }
            parts.roots[root.kind] = root.type.text
        }
    }

    private mutating func addBuiltIns(_ text: String) throws(SchemaErrors) {
        var builtIn = [BuiltInTypes.text]
        let usesCosts = nodes.values.contains { entry in
            entry.node.fields.contains {
                $0.directives.contains { $0.name.text == "cost" || $0.name.text == "listSize" }
            }
        }
        if usesCosts { builtIn.append(BuiltInTypes.costDirectives) }
        for text in builtIn {
            let document = try parse(SourceText(text))
            for case .typeSystem(let definition) in document.definitions {
                switch definition.content {
                case .schema: break
                // A schema may declare the specification's scalars and directives itself.
                case .type(let node): if parts.types[node.name.text] == nil { add(node, offset: 0, isBuiltIn: true) }
                case .directive(let node):
                    if !parts.directives.contains(where: { $0.name == node.name.text }) {
                        parts.directives.append(directive(node, isBuiltIn: true))
                    }
                }
            }
        }
    }

    // MARK: From nodes to definitions

    private mutating func add(_ node: TypeDefinitionNode, offset: Int, isBuiltIn: Bool) {
        let name = node.name.text
        parts.typeNames.append(name)
        parts.types[name] = TypeDefinition(
            kind: node.kind, name: name, description: node.description, fields: node.fields.map(field),
            interfaces: node.interfaces.map(\.text), members: node.members.map(\.text),
            values: node.values.map { value in
                EnumValueDefinition(
                    name: value.name.text, description: value.description,
                    deprecationReason: Self.deprecation(value.directives), directives: value.directives)
            },
            inputFields: node.inputFields.map(input),
            isOneOf: node.directives.contains { $0.name.text == "oneOf" },
            specifiedBy: Self.string("url", of: "specifiedBy", in: node.directives),
            directives: node.directives, isBuiltIn: isBuiltIn, offset: offset)
    }

    private func field(_ node: FieldDefinitionNode) -> FieldDefinition {
        var weight: Int?
        if let cost = node.directives.first(where: { $0.name.text == "cost" }),
            case .int(let text)? = Self.argument("weight", of: cost)?.content
        {
            weight = Int(text).map { max(0, $0) }
        }
        return FieldDefinition(
            name: node.name.text, description: node.description, arguments: node.arguments.map(input),
            type: node.type.reference, deprecationReason: Self.deprecation(node.directives),
            directives: node.directives, weight: weight, listSize: Self.listSize(node.directives),
            offset: node.name.offset)
    }

    private func input(_ node: InputValueNode) -> InputValueDefinition {
        InputValueDefinition(
            name: node.name.text, description: node.description, type: node.type.reference,
            defaultValue: node.defaultValue, deprecationReason: Self.deprecation(node.directives),
            directives: node.directives, offset: node.name.offset)
    }

    private func directive(_ node: DirectiveDefinitionNode, isBuiltIn: Bool) -> DirectiveDefinition {
        DirectiveDefinition(
            name: node.name.text, description: node.description, arguments: node.arguments.map(input),
            isRepeatable: node.isRepeatable, locations: node.locations.map(\.text), isBuiltIn: isBuiltIn,
            offset: node.name.offset)
    }

    private static func argument(_ name: String, of directive: DirectiveNode) -> ValueNode? {
        directive.arguments.first { $0.name.text == name }?.value
    }

    private static func string(_ argument: String, of name: String, in directives: [DirectiveNode]) -> String? {
        guard let directive = directives.first(where: { $0.name.text == name }),
            case .string(let text)? = self.argument(argument, of: directive)?.content
        else { return nil }
        return text
    }

    private static func deprecation(_ directives: [DirectiveNode]) -> String? {
        guard directives.contains(where: { $0.name.text == "deprecated" }) else { return nil }
        return string("reason", of: "deprecated", in: directives) ?? "No longer supported"
    }

    private static func listSize(_ directives: [DirectiveNode]) -> ListSize? {
        guard let directive = directives.first(where: { $0.name.text == "listSize" }) else { return nil }
        func strings(_ name: String) -> [String] {
            guard let value = argument(name, of: directive) else { return [] }
            switch value.content {
            case .list(let elements):
                return elements.compactMap { if case .string(let text) = $0.content { text } else { nil } }
            case .string(let text): return [text]
            default: return []
            }
        }
        var assumed: Int?
        if case .int(let text)? = argument("assumedSize", of: directive)?.content { assumed = Int(text) }
        return ListSize(
            assumedSize: assumed, slicingArguments: strings("slicingArguments"), sizedFields: strings("sizedFields"))
    }
}
