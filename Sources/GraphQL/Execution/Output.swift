import JSON

/// What a resolver answers, before it is completed by the field's type (specification, section 6.4.3).
public enum Output: Sendable {
    case null
    /// A leaf's value. An array completes a list, an object is the source of the fields of an object type, of which
    /// `__typename` may name the concrete type.
    case json(JSONValue)
    /// The source of an object's fields. `type` names the concrete type where the field's type is abstract.
    case object(any Sendable, type: String? = nil)
    case list([Output])
    /// Comes with a loader's next batch.
    case deferred(DeferredLoad)
    /// As if the resolver had thrown: for one element of a list, or one of several values.
    case failure(any Error)
}

/// What a resolver may return.
public protocol OutputValue: Sendable {
    var output: Output { get }
}

/// The source of an object's fields.
///
///     struct OrderNode: ObjectValue { let id: String }
public protocol ObjectValue: OutputValue {
    /// The name of its object type; needed where a field's type is an interface or union.
    var typeName: String? { get }
}

extension ObjectValue {
    public var typeName: String? { nil }
    public var output: Output { .object(self, type: typeName) }
}

extension Output: OutputValue {
    public var output: Output { self }
}

extension JSONValue: OutputValue {
    public var output: Output { isNull ? .null : .json(self) }
}

extension String: OutputValue {
    public var output: Output { .json(.string(self)) }
}

extension Bool: OutputValue {
    public var output: Output { .json(.bool(self)) }
}

extension Int: OutputValue {
    public var output: Output { .json(.number(JSONNumber(Int64(self)))) }
}

extension Int64: OutputValue {
    public var output: Output { .json(.number(JSONNumber(self))) }
}

extension Double: OutputValue {
    /// No JSON for what is not finite: the field is an error.
    public var output: Output {
        guard let number = JSONNumber(description) else {
            return .failure(FieldError("\(self) is no number that JSON has", code: "INTERNAL"))
        }
        return .json(.number(number))
    }
}

extension Optional: OutputValue where Wrapped: OutputValue {
    public var output: Output { map(\.output) ?? .null }
}

extension Array: OutputValue where Element: OutputValue {
    public var output: Output { .list(map(\.output)) }
}
