import JSON

/// The source of the fields of a schema's root types.
public struct Root: Sendable {
    public init() {}
}

/// How the fields of a schema are resolved.
///
///     var resolvers = Resolvers<RequestContext>()
///     resolvers.root("Query") { query in
///         query.async("order") { _, call in try await call.context.orders.order(call.arguments.string("id")) }
///     }
///     resolvers.object("Order", OrderNode.self) { order in
///         order.field("id") { order, _ in order.id }
///         order.field("customer") { order, call in call.load(customers, order.userID) { $0 } }
///         order.async("saga", deadline: .seconds(1)) { order, call in try await call.context.saga(of: order.id) }
///     }
///     resolvers.json("Money")
public struct Resolvers<Context: Sendable>: Sendable {
    var fields: [String: [String: FieldResolver]] = [:]
    var streams: [String: StreamResolver] = [:]
    var jsonTypes: Set<String> = []

    public init() {}

    /// Fields of an object type whose source is a `Source`.
    public mutating func object<Source: Sendable>(
        _ type: String, _ source: Source.Type, _ declare: (inout ObjectResolvers<Source, Context>) -> Void
    ) {
        var object = ObjectResolvers<Source, Context>()
        declare(&object)
        fields[type, default: [:]].merge(object.fields) { _, new in new }
    }

    /// Fields of the query or mutation type.
    public mutating func root(_ type: String, _ declare: (inout ObjectResolvers<Root, Context>) -> Void) {
        object(type, Root.self, declare)
    }

    /// An object type whose source is JSON: fields without a resolver are its members.
    public mutating func json(_ types: String...) { jsonTypes.formUnion(types) }

    /// A field of the subscription type (section 6.2.3).
    ///
    /// - Parameters:
    ///   - subscribe: opens the stream of events; called once. What it throws is the answer's one error.
    ///   - resolve: the field's value for an event.
    public mutating func subscription<Events: AsyncSequence & Sendable>(
        _ field: String,
        subscribe: @escaping @Sendable (FieldCall<Context>) async throws -> Events,
        resolve: @escaping @Sendable (Events.Element, FieldCall<Context>) async throws -> some OutputValue
    ) where Events.Element: Sendable {
        streams[field] = StreamResolver(
            open: { call in AnyEvents(try await subscribe(call.typed(Context.self))) },
            resolver: .asynchronous(deadline: nil) { source, call in
                guard let event = source as? Events.Element else {
                    throw SourceMismatch(expected: "\(Events.Element.self)")
                }
                return try await resolve(event, call.typed(Context.self)).output
            })
    }
}

/// The fields of one object type.
public struct ObjectResolvers<Source: Sendable, Context: Sendable> {
    var fields: [String: FieldResolver] = [:]

    /// A field whose value is at hand, or is left to a loader: resolved without a task of its own.
    public mutating func field(
        _ name: String, _ resolve: @escaping @Sendable (Source, FieldCall<Context>) throws -> some OutputValue
    ) {
        fields[name] = .immediate { source, call in
            guard let source = source as? Source else { throw SourceMismatch(expected: "\(Source.self)") }
            return try resolve(source, call.typed(Context.self)).output
        }
    }

    /// A field whose value has to be waited for, while its siblings are resolved too.
    ///
    /// - Parameter deadline: a field that takes longer, from when its resolver begins (`ExecutionOptions.concurrency`), is
    ///   null with an error; its task is cancelled, and what it still answers is dropped.
    public mutating func async(
        _ name: String, deadline: Duration? = nil,
        _ resolve: @escaping @Sendable (Source, FieldCall<Context>) async throws -> some OutputValue
    ) {
        fields[name] = .asynchronous(deadline: deadline) { source, call in
            guard let source = source as? Source else { throw SourceMismatch(expected: "\(Source.self)") }
            return try await resolve(source, call.typed(Context.self)).output
        }
    }
}

enum FieldResolver: Sendable {
    case immediate(@Sendable (any Sendable, AnyCall) throws -> Output)
    case asynchronous(deadline: Duration?, @Sendable (any Sendable, AnyCall) async throws -> Output)
}

struct StreamResolver: Sendable {
    let open: @Sendable (AnyCall) async throws -> AnyEvents
    let resolver: FieldResolver
}

/// Any stream of events.
struct AnyEvents: Sendable {
    final class Iterator {
        let next: () async throws -> (any Sendable)?

        init(_ next: @escaping () async throws -> (any Sendable)?) { self.next = next }
    }

    let makeIterator: @Sendable () -> Iterator

    init<Events: AsyncSequence & Sendable>(_ events: Events) where Events.Element: Sendable {
        makeIterator = {
            var iterator = events.makeAsyncIterator()
            return Iterator { try await iterator.next() }
        }
    }
}

/// A resolver was given another kind of source than it was declared for: a mistake in the declarations.
struct SourceMismatch: Error, CustomStringConvertible {
    let expected: String

    var description: String { "the source of this field is no \(expected)" }
}
