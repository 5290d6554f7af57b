import JSON

/// From literals of leaf types to values (specification, sections 3.5 and 3.9, "Input Coercion").
struct Literals {
    let schema: Schema

    /// Why a literal is no value of the scalar; nil where it is.
    func problem(_ value: ValueNode, as scalar: String) -> String? {
        do {
            _ = try self.scalar(value, as: scalar, variables: [:])
            return nil
        } catch let error as any PresentableError {
            return error.message
        } catch {
            return "Expected value of type '\(scalar)', found: \(value.printed)."
        }
    }

    /// - Parameter variables: those that a custom scalar's literal may hold inside.
    func scalar(_ value: ValueNode, as name: String, variables: [String: JSONValue]) throws -> JSONValue {
        switch name {
        case "Int":
            guard case .int = value.content else {
                throw ScalarError("Int cannot represent non-integer value: \(value.printed)")
            }
        case "Float":
            switch value.content {
            case .int, .float: break
            default: throw ScalarError("Float cannot represent non numeric value: \(value.printed)")
            }
        case "String":
            guard case .string = value.content else {
                throw ScalarError("String cannot represent a non string value: \(value.printed)")
            }
        case "Boolean":
            guard case .boolean = value.content else {
                throw ScalarError("Boolean cannot represent a non boolean value: \(value.printed)")
            }
        case "ID":
            switch value.content {
            case .string: break
            case .int(let text): return .string(text)
            default: throw ScalarError("ID cannot represent a non-string and non-integer value: \(value.printed)")
            }
        default: break
        }
        let json = Self.json(value, variables: variables)
        return try schema.scalars[name]?.input(json) ?? json
    }

    /// The value as it would be in JSON; enum values are strings.
    static func json(_ value: ValueNode, variables: [String: JSONValue]) -> JSONValue {
        switch value.content {
        case .variable(let name): return variables[name] ?? .null
        case .int(let text), .float(let text): return JSONNumber(text).map(JSONValue.number) ?? .null
        case .string(let text), .enumeration(let text): return .string(text)
        case .boolean(let flag): return .bool(flag)
        case .null: return .null
        case .list(let elements): return .array(elements.map { json($0, variables: variables) })
        case .object(let fields):
            var object = JSONObject()
            for field in fields {
                // A variable without a value leaves its field out (section 3.10).
                if case .variable(let name) = field.value.content, variables[name] == nil { continue }
                object[field.name.text] = json(field.value, variables: variables)
            }
            return .object(object)
        }
    }
}
