/// Operations, selections, values and types (specification, section 2).
extension Parser {
    mutating func operation(description: String?, offset: Int? = nil) throws(SyntaxError) -> OperationDefinition {
        let start = offset ?? token.offset
        if token.kind == .leftBrace {
            return OperationDefinition(
                kind: .query, name: nil, description: nil, variables: [], directives: [],
                selectionSet: try selectionSet(), offset: start)
        }
        let kind = try operationKind()
        return OperationDefinition(
            kind: kind, name: token.kind == .name ? try name() : nil, description: description,
            variables: try optionalList(.leftParenthesis, .rightParenthesis) { parser throws(SyntaxError) in
                try parser.variableDefinition()
            },
            directives: try directives(constant: false), selectionSet: try selectionSet(), offset: start)
    }

    mutating func operationKind() throws(SyntaxError) -> OperationKind {
        let token = try expect(.name)
        guard let kind = OperationKind(rawValue: token.text) else { throw unexpected(token) }
        return kind
    }

    mutating func fragment(offset: Int) throws(SyntaxError) -> FragmentDefinition {
        try expectKeyword("fragment")
        let name = try fragmentName()
        try expectKeyword("on")
        return FragmentDefinition(
            name: name, typeCondition: try self.name(), directives: try directives(constant: false),
            selectionSet: try selectionSet(), offset: offset)
    }

    private mutating func fragmentName() throws(SyntaxError) -> Name {
        if isKeyword("on") { throw unexpected(token) }
        return try name()
    }

    private mutating func variableDefinition() throws(SyntaxError) -> VariableDefinition {
        let start = token.offset
        _ = try description()
        let variable = try variable()
        try expect(.colon)
        let type = try typeReference()
        let value = try skip(.equals) ? try self.value(constant: true) : nil
        return VariableDefinition(
            name: variable, type: type, defaultValue: value, directives: try directives(constant: true), offset: start)
    }

    /// Its name, with the offset of the `$`.
    private mutating func variable() throws(SyntaxError) -> Name {
        let dollar = try expect(.dollar)
        return Name(text: try name().text, offset: dollar.offset)
    }

    mutating func selectionSet() throws(SyntaxError) -> SelectionSet {
        try descend()
        let start = token.offset
        let selections = try list(.leftBrace, .rightBrace, required: true) { parser throws(SyntaxError) in
            try parser.selection()
        }
        ascend()
        return SelectionSet(selections: selections, offset: start)
    }

    private mutating func selection() throws(SyntaxError) -> Selection {
        guard token.kind == .spread else { return .field(try field()) }
        let start = token.offset
        try advance()
        let hasCondition = try skipKeyword("on")
        if !hasCondition, token.kind == .name {
            return .spread(
                FragmentSpread(name: try fragmentName(), directives: try directives(constant: false), offset: start))
        }
        return .inline(
            InlineFragment(
                typeCondition: hasCondition ? try name() : nil, directives: try directives(constant: false),
                selectionSet: try selectionSet(), offset: start))
    }

    private mutating func field() throws(SyntaxError) -> FieldNode {
        let first = try name()
        let isAlias = try skip(.colon)
        return FieldNode(
            alias: isAlias ? first : nil, name: isAlias ? try name() : first, arguments: try arguments(constant: false),
            directives: try directives(constant: false),
            selectionSet: token.kind == .leftBrace ? try selectionSet() : nil)
    }

    private mutating func arguments(constant: Bool) throws(SyntaxError) -> [ArgumentNode] {
        try optionalList(.leftParenthesis, .rightParenthesis) { parser throws(SyntaxError) in
            let name = try parser.name()
            try parser.expect(.colon)
            return ArgumentNode(name: name, value: try parser.value(constant: constant))
        }
    }

    mutating func directives(constant: Bool) throws(SyntaxError) -> [DirectiveNode] {
        var directives: [DirectiveNode] = []
        while token.kind == .at {
            let start = token.offset
            try advance()
            directives.append(
                DirectiveNode(name: try name(), arguments: try arguments(constant: constant), offset: start))
        }
        return directives
    }

    /// A value; a variable only where it isn't `constant`.
    mutating func value(constant: Bool) throws(SyntaxError) -> ValueNode {
        let start = token.offset
        let text = token.text
        let content: ValueNode.Content
        switch token.kind {
        case .leftBracket:
            try descend()
            content = .list(
                try list(.leftBracket, .rightBracket, required: false) { parser throws(SyntaxError) in
                    try parser.value(constant: constant)
                })
            ascend()
            return ValueNode(content: content, offset: start)
        case .leftBrace:
            try descend()
            content = .object(
                try list(.leftBrace, .rightBrace, required: false) { parser throws(SyntaxError) in
                    let name = try parser.name()
                    try parser.expect(.colon)
                    return ObjectFieldNode(name: name, value: try parser.value(constant: constant))
                })
            ascend()
            return ValueNode(content: content, offset: start)
        case .dollar:
            let variable = try variable()
            if constant {
                throw SyntaxError(
                    reason: "Unexpected variable '$\(variable.text)' in constant value.", offset: start)
            }
            return ValueNode(content: .variable(variable.text), offset: start)
        case .int: content = .int(text)
        case .float: content = .float(text)
        case .string, .blockString: content = .string(text)
        case .name:
            switch text {
            case "true": content = .boolean(true)
            case "false": content = .boolean(false)
            case "null": content = .null
            default: content = .enumeration(text)
            }
        default: throw unexpected(token)
        }
        try advance()
        return ValueNode(content: content, offset: start)
    }

    mutating func typeReference() throws(SyntaxError) -> TypeNode {
        let type: TypeNode
        if token.kind == .leftBracket {
            let start = token.offset
            try descend()
            try advance()
            let element = try typeReference()
            ascend()
            try expect(.rightBracket)
            type = .list(element, offset: start)
        } else {
            type = .named(try name())
        }
        return try skip(.bang) ? .nonNull(type) : type
    }
}
