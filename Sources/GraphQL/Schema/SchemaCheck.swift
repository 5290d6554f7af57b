/// Type validation (specification, section 3): what a schema has to keep.
struct SchemaCheck {
    private let schema: Schema
    private let source: SourceText
    private var errors: [GraphQLError] = []

    static func errors(of schema: Schema, source: SourceText) -> [GraphQLError] {
        var check = SchemaCheck(schema: schema, source: source)
        check.checkRoots()
        for name in schema.typeNames {
            guard let type = schema.types[name], !type.isBuiltIn else { continue }
            check.checkType(type)
        }
        check.checkInputCycles()
        check.checkDefaultCycles()
        for directive in schema.directives where !directive.isBuiltIn {
            check.checkName(directive.name, "Directive", directive.offset)
            check.checkInputs(directive.arguments, of: "@\(directive.name)", "ARGUMENT_DEFINITION")
        }
        return check.errors
    }

    private init(schema: Schema, source: SourceText) {
        self.schema = schema
        self.source = source
    }

    private mutating func fail(_ message: String, at offset: Int) {
        errors.append(GraphQLError(message, locations: [source.location(at: offset)]))
    }

    private mutating func checkName(_ name: String, _ what: String, _ offset: Int) {
        if name.hasPrefix("__") {
            fail("\(what) '\(name)' must not begin with '__', which is reserved by introspection.", at: offset)
        }
    }

    private mutating func checkUnique(_ names: [String], _ what: String, _ owner: String, _ offset: Int) {
        var seen: Set<String> = []
        for name in names where !seen.insert(name).inserted {
            fail("\(what) '\(owner).\(name)' can only be defined once.", at: offset)
        }
    }

    // MARK: Roots (section 3.3.1)

    private mutating func checkRoots() {
        if schema.queryType.isEmpty { fail("Query root type must be provided.", at: 0) }
        var roots: [String: OperationKind] = [:]
        for kind in [OperationKind.query, .mutation, .subscription] {
            let name =
                kind == .query ? schema.queryType : kind == .mutation ? schema.mutationType : schema.subscriptionType
            guard let name, !name.isEmpty else { continue }
            guard let type = schema.types[name] else {
                fail("Unknown type '\(name)' of \(kind.rawValue) operations.", at: 0)
                continue
            }
            if type.kind != .object {
                fail("\(kind.rawValue) root type '\(name)' must be an object type.", at: type.offset)
            }
            if let other = roots[name] {
                fail("'\(name)' is the root of \(other.rawValue) and \(kind.rawValue) operations.", at: type.offset)
            }
            roots[name] = kind
        }
    }

    // MARK: Types

    private mutating func checkType(_ type: TypeDefinition) {
        checkName(type.name, "Type", type.offset)
        let location: String
        switch type.kind {
        case .scalar: location = "SCALAR"
        case .object, .interface:
            location = type.kind.rawValue
            checkFields(of: type)
            checkInterfaces(of: type)
        case .union:
            location = "UNION"
            if type.members.isEmpty {
                fail("Union type '\(type.name)' must define one or more members.", at: type.offset)
            }
            checkUnique(type.members, "Member", type.name, type.offset)
            for member in type.members where schema.types[member]?.kind != .object {
                fail("Union type '\(type.name)' can only include object types, not '\(member)'.", at: type.offset)
            }
        case .enumeration:
            location = "ENUM"
            if type.values.isEmpty { fail("Enum type '\(type.name)' must define one or more values.", at: type.offset) }
            checkUnique(type.values.map(\.name), "Enum value", type.name, type.offset)
            for value in type.values { checkDirectives(value.directives, "ENUM_VALUE") }
        case .inputObject:
            location = "INPUT_OBJECT"
            if type.inputFields.isEmpty {
                fail("Input object type '\(type.name)' must define one or more fields.", at: type.offset)
            }
            checkInputs(type.inputFields, of: type.name, "INPUT_FIELD_DEFINITION")
            if type.isOneOf {
                for field in type.inputFields where field.type.isNonNull || field.defaultValue != nil {
                    fail(
                        "OneOf input field '\(type.name).\(field.name)' must be nullable and have no default.",
                        at: field.offset)
                }
            }
        }
        checkDirectives(type.directives, location)
    }

    private mutating func checkFields(of type: TypeDefinition) {
        if type.fields.isEmpty { fail("Type '\(type.name)' must define one or more fields.", at: type.offset) }
        checkUnique(type.fields.map(\.name), "Field", type.name, type.offset)
        for field in type.fields {
            checkName(field.name, "Field", field.offset)
            if let kind = kind(of: field.type, at: field.offset), !kind.isOutput {
                fail(
                    "Field '\(type.name).\(field.name)' must be of an output type, not '\(field.type)'.",
                    at: field.offset)
            }
            checkInputs(field.arguments, of: "\(type.name).\(field.name)", "ARGUMENT_DEFINITION")
            checkDirectives(field.directives, "FIELD_DEFINITION")
        }
    }

    private mutating func kind(of type: TypeReference, at offset: Int) -> TypeKind? {
        if let named = schema.types[type.name] { return named.kind }
        fail("Unknown type '\(type.name)'.", at: offset)
        return nil
    }

    private mutating func checkInputs(_ inputs: [InputValueDefinition], of owner: String, _ location: String) {
        checkUnique(inputs.map(\.name), "Input", owner, inputs.first?.offset ?? 0)
        for input in inputs {
            checkName(input.name, "Input", input.offset)
            guard let kind = kind(of: input.type, at: input.offset) else { continue }
            if !kind.isInput {
                fail("'\(owner).\(input.name)' must be of an input type, not '\(input.type)'.", at: input.offset)
            } else if let value = input.defaultValue {
                var check = LiteralCheck(schema: schema)
                check.check(value, as: input.type)
                for problem in check.problems {
                    fail("'\(owner).\(input.name)' has an invalid default: \(problem.message)", at: problem.offset)
                }
            }
            if input.isRequired, input.deprecationReason != nil {
                fail("Required '\(owner).\(input.name)' cannot be deprecated.", at: input.offset)
            }
            checkDirectives(input.directives, location)
        }
    }

    // MARK: Interfaces (IsValidImplementation, section 3.7)

    private mutating func checkInterfaces(of type: TypeDefinition) {
        checkUnique(type.interfaces, "Interface", type.name, type.offset)
        for name in type.interfaces {
            guard let interface = schema.types[name], interface.kind == .interface else {
                fail(
                    "Type '\(type.name)' must only implement interfaces, it cannot implement '\(name)'.",
                    at: type.offset)
                continue
            }
            guard name != type.name else {
                fail("Type '\(name)' cannot implement itself.", at: type.offset)
                continue
            }
            for further in interface.interfaces where !type.interfaces.contains(further) {
                fail(
                    "Type '\(type.name)' must implement '\(further)' because it is implemented by '\(name)'.",
                    at: type.offset)
            }
            for wanted in interface.fields { checkImplementation(of: wanted, from: name, in: type) }
        }
    }

    private mutating func checkImplementation(
        of wanted: FieldDefinition, from interface: String, in type: TypeDefinition
    ) {
        let wantedName = "\(interface).\(wanted.name)"
        guard let field = type.field(wanted.name) else {
            return fail(
                "Interface field '\(wantedName)' expected but '\(type.name)' does not provide it.", at: type.offset)
        }
        if !schema.isSubtype(field.type, of: wanted.type) {
            fail("'\(wantedName)' expects type '\(wanted.type)', not '\(field.type)'.", at: field.offset)
        }
        for argument in wanted.arguments {
            guard let own = field.argument(argument.name) else {
                fail("'\(wantedName)' expects argument '\(argument.name)'.", at: field.offset)
                continue
            }
            if own.type != argument.type {
                fail(
                    "'\(wantedName)' expects argument '\(argument.name)' of type '\(argument.type)', not '\(own.type)'.",
                    at: own.offset)
            }
        }
        for own in field.arguments where own.isRequired && wanted.argument(own.name) == nil {
            fail(
                "Argument '\(type.name).\(field.name).\(own.name)' must not be required, '\(wantedName)' has none.",
                at: own.offset)
        }
        if field.deprecationReason != nil, wanted.deprecationReason == nil {
            fail("'\(wantedName)' is not deprecated, so '\(type.name).\(field.name)' must not be.", at: field.offset)
        }
    }

    // MARK: Input objects that need themselves (section 3.10)

    private mutating func checkInputCycles() {
        var done: Set<String> = []
        for name in schema.typeNames {
            var path: [String] = []
            follow(name, &path, &done)
        }
    }

    private mutating func follow(_ name: String, _ path: inout [String], _ done: inout Set<String>) {
        guard !done.contains(name), let type = schema.types[name], type.kind == .inputObject else { return }
        if let start = path.firstIndex(of: name) {
            fail(
                "Input object '\(name)' needs itself by fields that are not null: "
                    + (path[start...] + [name]).joined(separator: " → ") + ".", at: type.offset)
            return
        }
        path.append(name)
        for field in type.inputFields {
            if case .nonNull(.named(let next)) = field.type { follow(next, &path, &done) }
        }
        path.removeLast()
        done.insert(name)
    }

    /// Defaults that need themselves (InputObjectDefaultValueHasCycle, section 3.10).
    private mutating func checkDefaultCycles() {
        var done: Set<String> = []
        for name in schema.typeNames {
            guard let type = schema.types[name], type.kind == .inputObject else { continue }
            for field in type.inputFields {
                if followDefault(of: field, in: type, given: nil, [], &done) {
                    fail("The default of '\(name).\(field.name)' needs itself.", at: field.offset)
                }
            }
        }
    }

    private func followDefault(
        of field: InputValueDefinition, in type: TypeDefinition, given: ValueNode?, _ path: Set<String>,
        _ done: inout Set<String>
    ) -> Bool {
        guard let inner = schema.types[field.type.name], inner.kind == .inputObject else { return false }
        if let given { return followDefaults(of: inner, given, path, &done) }
        guard let value = field.defaultValue else { return false }
        let name = "\(type.name).\(field.name)"
        if path.contains(name) { return true }
        guard !done.contains(name) else { return false }
        defer { done.insert(name) }
        return followDefaults(of: inner, value, path.union([name]), &done)
    }

    private func followDefaults(
        of type: TypeDefinition, _ value: ValueNode, _ path: Set<String>, _ done: inout Set<String>
    ) -> Bool {
        switch value.content {
        case .list(let elements):
            for element in elements where followDefaults(of: type, element, path, &done) { return true }
            return false
        case .object(let given):
            for field in type.inputFields {
                let own = given.first { $0.name.text == field.name }?.value
                if followDefault(of: field, in: type, given: own, path, &done) { return true }
            }
            return false
        default: return false
        }
    }

    // MARK: Directives

    private mutating func checkDirectives(_ directives: [DirectiveNode], _ location: String) {
        var seen: Set<String> = []
        for node in directives {
            let name = node.name.text
            guard let definition = schema.directive(name) else {
                fail("Unknown directive '@\(name)'.", at: node.offset)
                continue
            }
            if !definition.locations.contains(location) {
                fail("Directive '@\(name)' may not be used on \(location).", at: node.offset)
            }
            if !definition.isRepeatable, !seen.insert(name).inserted {
                fail("The directive '@\(name)' can only be used once at this location.", at: node.offset)
            }
            checkUnique(node.arguments.map(\.name.text), "Argument", "@\(name)", node.offset)
            for argument in node.arguments {
                guard let wanted = definition.argument(argument.name.text) else {
                    fail("Unknown argument '\(argument.name.text)' on directive '@\(name)'.", at: argument.offset)
                    continue
                }
                var check = LiteralCheck(schema: schema)
                check.check(argument.value, as: wanted.type)
                for problem in check.problems { fail(problem.message, at: problem.offset) }
            }
            for wanted in definition.arguments
            where wanted.isRequired && !node.arguments.contains(where: { $0.name.text == wanted.name }) {
                fail(
                    "Directive '@\(name)' argument '\(wanted.name)' of type '\(wanted.type)' is required.",
                    at: node.offset)
            }
        }
    }
}
