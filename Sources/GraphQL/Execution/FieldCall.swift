import JSON

/// What a resolver is told beside its source.
public struct FieldCall<Context: Sendable>: Sendable {
    public let context: Context
    /// Coerced: defaults are filled in, enums are strings; what was not given isn't there (section 6.4.1).
    public let arguments: Arguments
    public let fieldName: String
    /// The name that the field has in the response.
    public let responseKey: String
    let parent: ResponsePath?

    /// From the root to this field.
    public var path: [PathElement] { (parent?.path ?? []) + [.key(responseKey)] }

    /// Leaves the field to a loader: `then` gets the value, nil where there is none.
    public func load<Key, Value>(
        _ loader: Loader<Context, Key, Value>, _ key: Key,
        then: @escaping @Sendable (Value?) throws -> some OutputValue
    ) -> Output {
        .deferred(DeferredLoad(request: KeyedLoad(loader: loader, key: key, context: context) { try then($0).output }))
    }

    /// As `load(_:_:then:)`, the value being the field's.
    public func load<Key, Value: OutputValue>(_ loader: Loader<Context, Key, Value>, _ key: Key) -> Output {
        load(loader, key) { $0 }
    }
}

/// A call as a run knows it. Runs know nothing of the kind of their context: code for any context, which isn't compiled
/// for the one that there is, took several times as long.
struct AnyCall: Sendable {
    let context: any Sendable
    let arguments: Arguments
    let fieldName: String
    let responseKey: String
    let parent: ResponsePath?

    func typed<Context: Sendable>(_: Context.Type) throws -> FieldCall<Context> {
        guard let context = context as? Context else { throw SourceMismatch(expected: "\(Context.self)") }
        return FieldCall(
            context: context, arguments: arguments, fieldName: fieldName, responseKey: responseKey, parent: parent)
    }
}

/// A field's coerced arguments.
public struct Arguments: Sendable {
    public let values: [String: JSONValue]

    init(_ values: [String: JSONValue]) { self.values = values }

    /// Nil where it wasn't given; `.null` where null was.
    public subscript(name: String) -> JSONValue? { values[name] }

    /// Nil where it wasn't given or is null.
    public func string(_ name: String) -> String? { values[name]?.string }
    public func int(_ name: String) -> Int? { values[name]?.int64.flatMap { Int(exactly: $0) } }
    public func bool(_ name: String) -> Bool? { values[name]?.bool }
    public func object(_ name: String) -> JSONObject? { values[name]?.object }
    public func array(_ name: String) -> [JSONValue]? { values[name]?.array }
}

/// Where a field is in the response: a chain to the root.
final class ResponsePath: Sendable {
    let parent: ResponsePath?
    let element: PathElement

    init(parent: ResponsePath?, element: PathElement) {
        self.parent = parent
        self.element = element
    }

    var path: [PathElement] {
        var steps = [element]
        var next = parent
        while let step = next {
            steps.append(step.element)
            next = step.parent
        }
        return steps.reversed()
    }
}
