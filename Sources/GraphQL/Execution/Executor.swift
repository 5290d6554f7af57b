import JSON

public struct ExecutionOptions: Sendable {
    /// Told of errors that callers don't see as they are.
    public var report: @Sendable (_ error: any Error, _ path: [PathElement]) -> Void = { _, _ in }
    /// What an operation may cost, where that is less than its document's limit (`DocumentLimits.cost`).
    public var costLimit: Int?
    /// How many resolvers of one request wait at the same time; further ones begin when these have ended.
    public var concurrency = 64
    /// A request that takes longer answers what it has; what is open is null with an error.
    public var deadline: Duration?

    public init() {}
}

/// Executes documents on a schema by its resolvers. Immutable: one serves all requests.
public struct Executor<Context: Sendable>: Sendable {
    public let schema: Schema
    let core: ExecutorCore

    /// Throws `SchemaErrors` where a resolver belongs to no field, or a field has none.
    public init(
        schema: Schema, resolvers: Resolvers<Context>, options: ExecutionOptions = ExecutionOptions()
    ) throws(SchemaErrors) {
        self.schema = schema
        core = ExecutorCore(schema: schema, options: options, fields: resolvers.fields, streams: resolvers.streams)
        let problems = resolvers.problems(with: schema)
        guard problems.isEmpty else { throw SchemaErrors(errors: problems.map { GraphQLError($0) }) }
    }

    /// Executes a query or mutation (specification, section 6.2). Never throws: what fails is in the response.
    ///
    /// Fields of a query are resolved at the same time, those of a mutation's root one after the other. Where the task
    /// is cancelled, so are the resolvers' tasks, and what is open is null.
    ///
    /// - Parameter root: the source of the root type's fields.
    public func execute(
        _ document: PreparedDocument, operation name: String? = nil, variables: JSONObject = JSONObject(),
        context: Context, root: any Sendable = Root()
    ) async -> Response {
        switch core.prepare(document, name, variables) {
        case .failure(let refused): return Response(refused: refused.errors)
        case .success(let (operation, type, values)):
            guard operation.kind != .subscription else {
                return Response(refused: [GraphQLError("A subscription is answered by a stream.", code: "BAD_REQUEST")])
            }
            return await core.run(document, operation, type, values, context, source: root, resolver: nil)
        }
    }
}

extension Resolvers {
    /// Fields without resolvers, and resolvers without fields.
    func problems(with schema: Schema) -> [String] {
        var problems: [String] = []
        for name in schema.typeNames {
            guard let type = schema.types[name], type.kind == .object, !type.isBuiltIn else { continue }
            for field in type.fields {
                if name == schema.subscriptionType {
                    if streams[field.name] == nil {
                        problems.append("'\(name).\(field.name)' has no stream of events.")
                    }
                } else if fields[name]?[field.name] == nil, !jsonTypes.contains(name) {
                    problems.append("'\(name).\(field.name)' has no resolver.")
                }
            }
        }
        for (name, resolved) in fields.sorted(by: { $0.key < $1.key }) {
            for field in resolved.keys.sorted() where schema.types[name]?.field(field) == nil {
                problems.append("There is no field '\(name).\(field)' to resolve.")
            }
        }
        for name in jsonTypes.sorted() where schema.types[name]?.kind != .object {
            problems.append("There is no object type '\(name)'.")
        }
        for field in streams.keys.sorted()
        where schema.subscriptionType.flatMap({ schema.types[$0]?.field(field) }) == nil {
            problems.append("There is no subscription '\(field)'.")
        }
        return problems
    }
}
