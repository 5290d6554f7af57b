import JSON

/// How values of a custom scalar go in and out (section 3.5). Both throw for what is no such value; a `PresentableError`
/// is shown.
public struct ScalarCoercion: Sendable {
    /// From a resolver's value to the one in the response.
    public let result: @Sendable (JSONValue) throws -> JSONValue
    /// From a variable's value or a literal to the one that resolvers get.
    public let input: @Sendable (JSONValue) throws -> JSONValue

    public init(
        result: @escaping @Sendable (JSONValue) throws -> JSONValue = { $0 },
        input: @escaping @Sendable (JSONValue) throws -> JSONValue = { $0 }
    ) {
        self.result = result
        self.input = input
    }
}

extension ScalarCoercion {
    /// The five scalars of the specification (sections 3.5.1 to 3.5.5), as strict as their input coercion asks.
    static let builtIn: [String: ScalarCoercion] = [
        "Int": ScalarCoercion(
            result: { value in
                if let flag = value.bool { return .number(JSONNumber(flag ? 1 : 0)) }
                if let text = value.string, let number = JSONNumber(text) { return try int(.number(number), value) }
                return try int(value, value)
            },
            input: { try int($0, $0) }),
        "Float": ScalarCoercion(
            result: { value in
                if let flag = value.bool { return .number(JSONNumber(flag ? 1 : 0)) }
                if let text = value.string, let number = JSONNumber(text) { return try float(.number(number), value) }
                return try float(value, value)
            },
            input: { try float($0, $0) }),
        "String": ScalarCoercion(
            result: { value in
                switch value {
                case .string: return value
                case .bool(let flag): return .string(flag ? "true" : "false")
                case .number(let number): return .string(number.text)
                default: throw ScalarError("String cannot represent value: \(value)")
                }
            },
            input: { value in
                guard case .string = value else {
                    throw ScalarError("String cannot represent a non string value: \(value)")
                }
                return value
            }),
        "Boolean": ScalarCoercion(
            result: { value in
                if let number = value.number?.double { return .bool(number != 0) }
                return try boolean(value)
            },
            input: boolean),
        "ID": ScalarCoercion(
            result: { try identifier($0) },
            input: { try identifier($0) }),
    ]

    /// A whole number of 32 bits: `1.0` is one (section 3.5.1).
    private static func int(_ value: JSONValue, _ shown: JSONValue) throws -> JSONValue {
        guard let number = value.number, let double = number.double, double.rounded() == double else {
            throw ScalarError("Int cannot represent non-integer value: \(shown)")
        }
        guard let whole = Int32(exactly: double) else {
            throw ScalarError("Int cannot represent non 32-bit signed integer value: \(shown)")
        }
        return .number(JSONNumber(Int64(whole)))
    }

    private static func float(_ value: JSONValue, _ shown: JSONValue) throws -> JSONValue {
        guard let double = value.number?.double, double.isFinite else {
            throw ScalarError("Float cannot represent non numeric value: \(shown)")
        }
        return value
    }

    private static func boolean(_ value: JSONValue) throws -> JSONValue {
        guard case .bool = value else { throw ScalarError("Boolean cannot represent a non boolean value: \(value)") }
        return value
    }

    private static func identifier(_ value: JSONValue) throws -> JSONValue {
        if case .string = value { return value }
        guard let number = value.number, let double = number.double, double.rounded() == double else {
            throw ScalarError("ID cannot represent value: \(value)")
        }
        // `1.0` and `1e0` are the whole number 1, whose digits are the identifier.
        let isPlain = !number.text.utf8.contains {
            [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains($0)
        }
        return .string(isPlain ? number.text : Int64(exactly: double).map { String($0) } ?? number.text)
    }
}

/// A value that a scalar can't take, in words for callers.
struct ScalarError: PresentableError {
    let message: String
    var extensions: JSONObject { JSONObject() }

    init(_ message: String) { self.message = message }
}
