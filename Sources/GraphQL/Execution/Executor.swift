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
    let options: ExecutionOptions
    private let resolvers: Resolvers<Context>
    private let introspection: [String: [String: FieldResolver<Context>]]

    /// Throws `SchemaErrors` where a resolver belongs to no field, or a field has none.
    public init(
        schema: Schema, resolvers: Resolvers<Context>, options: ExecutionOptions = ExecutionOptions()
    ) throws(SchemaErrors) {
        self.schema = schema
        self.resolvers = resolvers
        self.options = options
        introspection = Introspection.resolvers(of: schema)
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
        switch prepare(document, name, variables) {
        case .failure(let refused): return Response(refused: refused.errors)
        case .success(let (operation, type, values)):
            guard operation.kind != .subscription else {
                return Response(refused: [GraphQLError("A subscription is answered by a stream.", code: "BAD_REQUEST")])
            }
            return await run(document, operation, type, values, context, source: root, resolver: nil)
        }
    }

    func run(
        _ document: PreparedDocument, _ operation: OperationDefinition, _ type: TypeDefinition,
        _ values: [String: JSONValue], _ context: Context, source: any Sendable, resolver: FieldResolver<Context>?
    ) async -> Response {
        let mailbox = Mailbox()
        return await withTaskCancellationHandler {
            let run = Run(executor: self, document: document, variables: values, context: context, mailbox: mailbox)
            return await run.execute(operation, root: type, source: source, resolver: resolver)
        } onCancel: {
            mailbox.post(.cancelled)
        }
    }

    /// The operation, its root type and its variables; or the errors of the request (section 6.1).
    func prepare(
        _ document: PreparedDocument, _ name: String?, _ variables: JSONObject
    ) -> Result<(OperationDefinition, TypeDefinition, [String: JSONValue]), RequestErrors> {
        do {
            let operation = try document.operation(named: name)
            guard let type = schema.rootType(of: operation.kind) else {
                throw GraphQLError(
                    "Schema is not configured to execute \(operation.kind.rawValue) operation.", code: "BAD_REQUEST")
            }
            let values = try InputCoercion(schema: schema)
                .variables(of: operation, given: variables, source: document.document.source)
            try checkCost(of: operation, type, document, values)
            return .success((operation, type, values))
        } catch let error as GraphQLError {
            return .failure(RequestErrors([error]))
        } catch let errors as RequestErrors {
            return .failure(errors)
        } catch {
            return .failure(RequestErrors([presented(error, path: [])]))
        }
    }

    private func checkCost(
        of operation: OperationDefinition, _ type: TypeDefinition, _ document: PreparedDocument,
        _ values: [String: JSONValue]
    ) throws(GraphQLError) {
        let limit = min(options.costLimit ?? .max, document.costLimit)
        let count = CostCount(schema: schema, fragments: document.fragments, variables: values)
        let cost = count.cost(of: operation, type)
        guard cost > limit else { return }
        throw GraphQLError(
            "The operation costs \(cost), which is more than the limit of \(limit).",
            extensions: ["code": "COST_LIMIT", "limit": .init(limit), "value": .init(cost)])
    }

    func stream(_ field: String) -> StreamResolver<Context>? { resolvers.streams[field] }

    func resolver(of field: String, type: TypeDefinition) -> FieldResolver<Context> {
        if let own = resolvers.fields[type.name]?[field] { return own }
        if let known = introspection[type.name]?[field] { return known }
        if field.hasPrefix("__"), let known = introspection[""]?[field] { return known }
        return .immediate { source, _ in (source as? JSONValue)?[field]?.output ?? .null }
    }

    /// As callers see it.
    func presented(_ error: any Error, path: [PathElement]) -> GraphQLError {
        switch error {
        case let error as GraphQLError: return error
        case let error as any PresentableError: return GraphQLError(error.message, extensions: error.extensions)
        case let error as InputCoercion.Problem: return GraphQLError(error.message, code: "BAD_USER_INPUT")
        case is CancellationError: return GraphQLError("The request was cancelled.", code: "CANCELLED")
        default:
            options.report(error, path)
            return GraphQLError("Internal error", code: "INTERNAL_SERVER_ERROR")
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
