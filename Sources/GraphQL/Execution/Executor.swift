import JSON

public struct ExecutionOptions: Sendable {
    /// Told of errors that callers don't see as they are.
    public var report: @Sendable (_ error: any Error, _ path: [PathElement]) -> Void = { _, _ in }
    /// What an operation may cost (`DocumentLimits.cost`).
    public var costLimit: Int?
    /// A request that takes longer answers what it has; what is open is null with an error.
    public var deadline: Duration?

    public init() {}
}

/// What opening a subscription came to.
public enum SubscriptionStart: Sendable {
    case stream(AsyncThrowingStream<Response, any Error>)
    /// The response, of errors only.
    case refused(Response)
}

/// Executes documents on a schema by its resolvers.
public struct Executor<Context: Sendable>: Sendable {
    public let schema: Schema
    let resolvers: Resolvers<Context>
    let options: ExecutionOptions

    /// Throws `SchemaErrors` where a resolver belongs to no field, or a field has none.
    public init(schema: Schema, resolvers: Resolvers<Context>, options: ExecutionOptions = ExecutionOptions()) throws {
        self.schema = schema
        self.resolvers = resolvers
        self.options = options
    }

    /// Executes a query or mutation (specification, section 6.2). Never throws: what fails is in the response.
    public func execute(
        _ document: PreparedDocument, operation name: String? = nil, variables: JSONObject = JSONObject(),
        context: Context
    ) async -> Response {
        Response(refused: [])
    }

    /// Opens a subscription and answers each of its events by a response (section 6.2.3). Ending the iteration of the
    /// stream cancels the source.
    public func subscribe(
        _ document: PreparedDocument, operation name: String? = nil, variables: JSONObject = JSONObject(),
        context: Context
    ) async -> SubscriptionStart {
        .refused(Response(refused: []))
    }
}
