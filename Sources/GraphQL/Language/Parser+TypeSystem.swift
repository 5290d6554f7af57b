/// The type system definition language (specification, section 3).
extension Parser {
    mutating func typeSystem(
        description: String?, isExtension: Bool, offset: Int
    ) throws(SyntaxError) -> TypeSystemDefinition {
        let keyword = try expect(.name)
        let content: TypeSystemDefinition.Content
        switch keyword.text {
        case "schema": content = .schema(try schema(description: description, isExtension: isExtension))
        case "scalar": content = .type(try type(.scalar, description))
        case "type": content = .type(try type(.object, description))
        case "interface": content = .type(try type(.interface, description))
        case "union": content = .type(try type(.union, description))
        case "enum": content = .type(try type(.enumeration, description))
        case "input": content = .type(try type(.inputObject, description))
        case "directive" where !isExtension: content = .directive(try directiveDefinition(description))
        default: throw unexpected(keyword)
        }
        if isExtension, case .type(let type) = content, type.directives.isEmpty, type.interfaces.isEmpty,
            type.fields.isEmpty, type.members.isEmpty, type.values.isEmpty, type.inputFields.isEmpty
        {
            throw unexpected(token)
        }
        return TypeSystemDefinition(content: content, isExtension: isExtension, offset: offset)
    }

    private mutating func schema(description: String?, isExtension: Bool) throws(SyntaxError) -> SchemaNode {
        let directives = try directives(constant: true)
        var roots: [(kind: OperationKind, type: Name)] = []
        if !isExtension || token.kind == .leftBrace {
            roots = try list(.leftBrace, .rightBrace, required: true) { parser throws(SyntaxError) in
                let kind = try parser.operationKind()
                try parser.expect(.colon)
                return (kind, try parser.name())
            }
        } else if directives.isEmpty {
            throw unexpected(token)
        }
        return SchemaNode(description: description, directives: directives, rootTypes: roots)
    }

    private mutating func type(_ kind: TypeKind, _ description: String?) throws(SyntaxError) -> TypeDefinitionNode {
        let name = try name()
        var interfaces: [Name] = []
        if kind == .object || kind == .interface, try skipKeyword("implements") {
            interfaces = try names(delimitedBy: .ampersand)
        }
        let directives = try directives(constant: true)
        var fields: [FieldDefinitionNode] = []
        var members: [Name] = []
        var values: [EnumValueNode] = []
        var inputFields: [InputValueNode] = []
        switch kind {
        case .scalar: break
        case .object, .interface:
            fields = try optionalList(.leftBrace, .rightBrace) { parser throws(SyntaxError) in
                try parser.fieldDefinition()
            }
        case .union: if try skip(.equals) { members = try names(delimitedBy: .pipe) }
        case .enumeration:
            values = try optionalList(.leftBrace, .rightBrace) { parser throws(SyntaxError) in
                try parser.enumValue()
            }
        case .inputObject:
            inputFields = try optionalList(.leftBrace, .rightBrace) { parser throws(SyntaxError) in
                try parser.inputValue()
            }
        }
        return TypeDefinitionNode(
            kind: kind, name: name, description: description, directives: directives, interfaces: interfaces,
            fields: fields, members: members, values: values, inputFields: inputFields)
    }

    private mutating func fieldDefinition() throws(SyntaxError) -> FieldDefinitionNode {
        let description = try description()
        let name = try name()
        let arguments = try inputValues()
        try expect(.colon)
        return FieldDefinitionNode(
            name: name, description: description, arguments: arguments, type: try typeReference(),
            directives: try directives(constant: true))
    }

    private mutating func inputValues() throws(SyntaxError) -> [InputValueNode] {
        try optionalList(.leftParenthesis, .rightParenthesis) { parser throws(SyntaxError) in
            try parser.inputValue()
        }
    }

    private mutating func inputValue() throws(SyntaxError) -> InputValueNode {
        let description = try description()
        let name = try name()
        try expect(.colon)
        return InputValueNode(
            name: name, description: description, type: try typeReference(),
            defaultValue: try skip(.equals) ? try value(constant: true) : nil,
            directives: try directives(constant: true))
    }

    private mutating func enumValue() throws(SyntaxError) -> EnumValueNode {
        let description = try description()
        if isKeyword("true") || isKeyword("false") || isKeyword("null") {
            throw SyntaxError(
                reason: "\(token.description) is reserved and cannot be used for an enum value.", offset: token.offset)
        }
        return EnumValueNode(name: try name(), description: description, directives: try directives(constant: true))
    }

    private mutating func directiveDefinition(_ description: String?) throws(SyntaxError) -> DirectiveDefinitionNode {
        try expect(.at)
        let name = try name()
        let arguments = try inputValues()
        let isRepeatable = try skipKeyword("repeatable")
        try expectKeyword("on")
        let locations = try names(delimitedBy: .pipe)
        if let unknown = locations.first(where: { !DirectiveLocations.all.contains($0.text) }) {
            throw SyntaxError(reason: "Unexpected Name '\(unknown.text)'.", offset: unknown.offset)
        }
        return DirectiveDefinitionNode(
            name: name, description: description, arguments: arguments, isRepeatable: isRepeatable,
            locations: locations)
    }
}

/// Where directives may stand (specification, section 3.13).
enum DirectiveLocations {
    static let executable = [
        "QUERY", "MUTATION", "SUBSCRIPTION", "FIELD", "FRAGMENT_DEFINITION", "FRAGMENT_SPREAD", "INLINE_FRAGMENT",
        "VARIABLE_DEFINITION",
    ]
    static let typeSystem = [
        "SCHEMA", "SCALAR", "OBJECT", "FIELD_DEFINITION", "ARGUMENT_DEFINITION", "INTERFACE", "UNION", "ENUM",
        "ENUM_VALUE", "INPUT_OBJECT", "INPUT_FIELD_DEFINITION",
    ]
    static let all = Set(executable + typeSystem)
}
