import JSON

/// Coerces variables and arguments to what resolvers get (specification, sections 6.1.2, 6.4.1 and 3.10).
struct InputCoercion {
    let schema: Schema

    /// Why a value isn't of its type. The path leads into the value.
    struct Problem: Error {
        let message: String
        var path: [PathElement] = []

        func at(_ element: PathElement) -> Problem { Problem(message: message, path: [element] + path) }

        /// ` at 'name.a[0]'`, nothing where it is the value itself.
        func place(in name: String) -> String {
            if path.isEmpty { return "" }
            let steps = path.map { element in
                switch element {
                case .key(let key): ".\(key)"
                case .index(let index): "[\(index)]"
                }
            }
            return " at '\(name)\(steps.joined())'"
        }
    }

    // MARK: Variables (CoerceVariableValues)

    func variables(
        of operation: OperationDefinition, given: JSONObject, source: SourceText
    ) throws(RequestErrors) -> [String: JSONValue] {
        var values: [String: JSONValue] = [:]
        var errors: [GraphQLError] = []
        let given = Dictionary(given.members.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        for variable in operation.variables {
            let name = variable.name.text
            let type = variable.type.reference
            func fail(_ message: String) {
                errors.append(
                    GraphQLError(message, code: "BAD_USER_INPUT", locations: [source.location(at: variable.offset)]))
            }
            do throws(Problem) {
                if let value = given[name] {
                    values[name] = try coerce(value, as: type)
                } else if let literal = variable.defaultValue {
                    values[name] = try coerce(literal, as: type, variables: [:])
                } else if type.isNonNull {
                    fail("Variable '$\(name)' of required type '\(type)' was not provided.")
                }
            } catch {
                fail("Variable '$\(name)' has invalid value\(error.place(in: name)): \(error.message)")
            }
            if errors.count >= 50 { break }
        }
        guard errors.isEmpty else { throw RequestErrors(errors) }
        return values
    }

    /// A value from JSON.
    func coerce(_ value: JSONValue, as type: TypeReference) throws(Problem) -> JSONValue {
        if value.isNull {
            if type.isNonNull { throw Problem(message: "Expected value of non-null type '\(type)' not to be null.") }
            return .null
        }
        switch type.nullable {
        case .nonNull: return value
        case .list(let element):
            // Another value than a list is a list of one (section 3.11).
            guard case .array(let elements) = value else { return .array([try coerce(value, as: element)]) }
            var coerced: [JSONValue] = []
            coerced.reserveCapacity(elements.count)
            for (index, item) in elements.enumerated() {
                do throws(Problem) { coerced.append(try coerce(item, as: element)) } catch {
                    throw error.at(.index(index))
                }
            }
            return .array(coerced)
        case .named(let name):
            guard let named = schema.types[name] else { throw Problem(message: "Unknown type '\(name)'.") }
            switch named.kind {
            case .inputObject: return try object(value, as: named)
            case .enumeration:
                guard let text = value.string else {
                    throw Problem(message: "Enum '\(name)' cannot represent non-string value: \(value).")
                }
                guard named.hasValue(text) else {
                    throw Problem(message: "Value '\(text)' does not exist in '\(name)' enum.")
                }
                return value
            default: return try leaf(name) { try schema.scalars[name]?.input(value) ?? value }
            }
        }
    }

    private func object(_ value: JSONValue, as type: TypeDefinition) throws(Problem) -> JSONValue {
        guard case .object(let given) = value else {
            throw Problem(message: "Expected value of type '\(type.name)' to be an object, found: \(value).")
        }
        if let unknown = given.members.first(where: { type.inputField($0.name) == nil }) {
            throw Problem(
                message: "Expected value of type '\(type.name)' not to include unknown field '\(unknown.name)'.")
        }
        var coerced = JSONObject()
        for field in type.inputFields {
            do throws(Problem) {
                if let value = given[field.name] {
                    coerced[field.name] = try coerce(value, as: field.type)
                } else if let literal = field.defaultValue {
                    coerced[field.name] = try coerce(literal, as: field.type, variables: [:])
                }
            } catch { throw error.at(.key(field.name)) }
            if coerced[field.name] == nil, field.isRequired { throw missing(field, of: type) }
        }
        if type.isOneOf { try checkOneOf(coerced, given: given.members.count, type) }
        return .object(coerced)
    }

    private func missing(_ field: InputValueDefinition, of type: TypeDefinition) -> Problem {
        Problem(message: "Expected value of type '\(type.name)' to include required field '\(field.name)'.")
    }

    private func checkOneOf(_ value: JSONObject, given: Int, _ type: TypeDefinition) throws(Problem) {
        guard given == 1, value.members.count == 1, value.members.first?.value.isNull == false else {
            throw Problem(message: LiteralCheck.oneOfRule(type.name))
        }
    }

    private func leaf(_ name: String, _ coerce: () throws -> JSONValue) throws(Problem) -> JSONValue {
        do {
            return try coerce()
        } catch let error as any PresentableError {
            throw Problem(message: error.message)
        } catch {
            throw Problem(message: "Expected value of type '\(name)'.")
        }
    }

    // MARK: Literals

    /// A value from a document.
    func coerce(
        _ value: ValueNode, as type: TypeReference, variables: [String: JSONValue]
    ) throws(Problem) -> JSONValue {
        if case .variable(let name) = value.content {
            // Its type was found to fit by validation.
            guard let given = variables[name], !(given.isNull && type.isNonNull) else {
                if type.isNonNull {
                    throw Problem(message: "Expected variable '$\(name)' provided to type '\(type)' to have a value.")
                }
                return .null
            }
            return given
        }
        if case .null = value.content {
            if type.isNonNull { throw Problem(message: "Expected value of non-null type '\(type)' not to be null.") }
            return .null
        }
        switch type.nullable {
        case .nonNull: return .null
        case .list(let element):
            guard case .list(let elements) = value.content else {
                return .array([try coerce(value, as: element, variables: variables)])
            }
            var coerced: [JSONValue] = []
            for (index, item) in elements.enumerated() {
                do throws(Problem) {
                    coerced.append(try coerce(item, as: element, variables: variables))
                } catch { throw error.at(.index(index)) }
            }
            return .array(coerced)
        case .named(let name):
            guard let named = schema.types[name] else { throw Problem(message: "Unknown type '\(name)'.") }
            switch named.kind {
            case .inputObject: return try object(value, as: named, variables: variables)
            case .enumeration:
                guard case .enumeration(let text) = value.content, named.hasValue(text) else {
                    throw Problem(message: "Value \(value.printed) does not exist in '\(name)' enum.")
                }
                return .string(text)
            default:
                return try leaf(name) { try Literals(schema: schema).scalar(value, as: name, variables: variables) }
            }
        }
    }

    private func object(
        _ value: ValueNode, as type: TypeDefinition, variables: [String: JSONValue]
    ) throws(Problem) -> JSONValue {
        guard case .object(let fields) = value.content else {
            throw Problem(message: "Expected value of type '\(type.name)' to be an object, found: \(value.printed).")
        }
        var given: [String: ValueNode] = [:]
        for field in fields {
            guard type.inputField(field.name.text) != nil else {
                throw Problem(
                    message: "Expected value of type '\(type.name)' not to include unknown field '\(field.name.text)'.")
            }
            // A variable without a value is as if its field weren't there, where it needn't be (section 3.10).
            if case .variable(let name) = field.value.content, variables[name] == nil { continue }
            given[field.name.text] = field.value
        }
        var coerced = JSONObject()
        for field in type.inputFields {
            do throws(Problem) {
                if let value = given[field.name] {
                    coerced[field.name] = try coerce(value, as: field.type, variables: variables)
                } else if let literal = field.defaultValue {
                    coerced[field.name] = try coerce(literal, as: field.type, variables: [:])
                }
            } catch { throw error.at(.key(field.name)) }
            if coerced[field.name] == nil, field.isRequired { throw missing(field, of: type) }
        }
        if type.isOneOf { try checkOneOf(coerced, given: given.count, type) }
        return .object(coerced)
    }

    // MARK: Arguments (CoerceArgumentValues)

    func arguments(
        _ definitions: [InputValueDefinition], given nodes: [ArgumentNode], variables: [String: JSONValue]
    ) throws(Problem) -> [String: JSONValue] {
        var values: [String: JSONValue] = [:]
        for definition in definitions {
            var node = nodes.first { $0.name.text == definition.name }?.value
            if case .variable(let name)? = node?.content, variables[name] == nil, !definition.isRequired { node = nil }
            do throws(Problem) {
                if let node {
                    values[definition.name] = try coerce(node, as: definition.type, variables: variables)
                } else if let literal = definition.defaultValue {
                    values[definition.name] = try coerce(literal, as: definition.type, variables: [:])
                } else if definition.isRequired {
                    throw Problem(message: "a value of required type '\(definition.type)' was not provided.")
                }
            } catch {
                throw Problem(
                    message: "Argument '\(definition.name)' has invalid value\(error.place(in: definition.name)): "
                        + error.message)
            }
        }
        return values
    }
}
