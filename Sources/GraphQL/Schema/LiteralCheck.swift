import JSON

/// Whether a literal may stand where a type is expected (specification, sections 5.6.1 to 5.6.4).
struct LiteralCheck {
    let schema: Schema
    /// Message and offset of what is wrong.
    private(set) var problems: [(message: String, offset: Int)] = []

    init(schema: Schema) { self.schema = schema }

    /// Variables pass: they are judged by their types elsewhere.
    mutating func check(_ value: ValueNode, as type: TypeReference) {
        if case .variable = value.content { return }
        if case .null = value.content {
            if type.isNonNull { fail("Expected value of non-null type '\(type)' not to be null.", value) }
            return
        }
        switch type.nullable {
        case .nonNull: break
        case .list(let element):
            if case .list(let elements) = value.content {
                for item in elements { check(item, as: element) }
            } else {
                check(value, as: element)
            }
        case .named(let name):
            guard let named = schema.types[name] else { return }
            switch named.kind {
            case .inputObject: checkObject(value, as: named)
            case .enumeration:
                guard case .enumeration(let text) = value.content else {
                    return fail("Enum '\(name)' cannot represent non-enum value: \(value.printed).", value)
                }
                if !named.hasValue(text) { fail("Value '\(text)' does not exist in '\(name)' enum.", value) }
            case .scalar:
                if let problem = Literals(schema: schema).problem(value, as: name) { fail(problem, value) }
            default: break
            }
        }
    }

    private mutating func checkObject(_ value: ValueNode, as type: TypeDefinition) {
        guard case .object(let fields) = value.content else {
            return fail("Expected value of type '\(type.name)' to be an object, found: \(value.printed).", value)
        }
        // The last one of a name counts; that there are two is another rule's.
        let given = Dictionary(fields.map { ($0.name.text, $0) }, uniquingKeysWith: { _, last in last })
        for definition in type.inputFields {
            if let field = given[definition.name] {
                check(field.value, as: definition.type)
            } else if definition.isRequired {
                fail(
                    "Expected value of type '\(type.name)' to include required field '\(definition.name)', found: "
                        + "\(value.printed).", value)
            }
        }
        for field in fields where type.inputField(field.name.text) == nil {
            fail(
                "Expected value of type '\(type.name)' not to include unknown field '\(field.name.text)', found: "
                    + "\(value.printed).", field.name.offset)
        }
        if type.isOneOf { checkOneOf(fields.filter { type.inputField($0.name.text) != nil }, value, type) }
    }

    private mutating func checkOneOf(_ fields: [ObjectFieldNode], _ value: ValueNode, _ type: TypeDefinition) {
        let message = Self.oneOfRule(type.name)
        if fields.count != 1 { return fail(message, value) }
        if case .null? = fields.last?.value.content { fail(message, value) }
    }

    static func oneOfRule(_ type: String) -> String {
        "Within OneOf Input Object type '\(type)', exactly one field must be specified, and the value for that field "
            + "must be non-null."
    }

    private mutating func fail(_ message: @autoclosure () -> String, _ value: ValueNode) {
        fail(message(), value.offset)
    }

    /// A value with thousands of mistakes is known to be wrong after a hundred.
    private mutating func fail(_ message: @autoclosure () -> String, _ offset: Int) {
        if problems.count < 100 { problems.append((message(), offset)) }
    }
}
