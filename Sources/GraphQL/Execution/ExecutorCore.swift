import JSON

/// An executor without the kind of its requests' contexts (`AnyCall`).
final class ExecutorCore: Sendable {
    let schema: Schema
    let options: ExecutionOptions
    private let fields: [String: [String: FieldResolver]]
    private let streams: [String: StreamResolver]
    private let introspection: [String: [String: FieldResolver]]

    init(
        schema: Schema, options: ExecutionOptions, fields: [String: [String: FieldResolver]],
        streams: [String: StreamResolver]
    ) {
        self.schema = schema
        self.options = options
        self.fields = fields
        self.streams = streams
        introspection = Introspection.resolvers(of: schema)
    }

    func run(
        _ document: PreparedDocument, _ operation: OperationDefinition, _ type: TypeDefinition,
        _ values: [String: JSONValue], _ context: any Sendable, source: any Sendable, resolver: FieldResolver?
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

    func stream(_ field: String) -> StreamResolver? { streams[field] }

    func resolver(of field: String, type: TypeDefinition) -> FieldResolver {
        if let own = fields[type.name]?[field] { return own }
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
