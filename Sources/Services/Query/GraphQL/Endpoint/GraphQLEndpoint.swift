import Execution
import GraphQL
import HTTPServer
import JSON
import Logging
import OrderflowKit

/// GraphQL over HTTP (the draft of September 2025) and over server-sent events (GraphQL over SSE, distinct connections):
///
///     POST /graphql            any operation
///     GET  /graphql            queries and subscriptions; for browsers, where that is switched on, a page
///     GET  /graphql/{file}     the page's script and style, and the schema
///
/// Requests that aren't any are answered by problems, as at other routes. What is wrong with a query is GraphQL's own
/// error, with the draft's status for `application/graphql-response+json` (400 for what can't be parsed, 422 for what is
/// refused), and 200 for clients that ask for `application/json`, which look for errors in the body alone. Where fields
/// have failed it is 200 for both (docs/decisions/a-graphql-engine-of-our-own.md says why).
struct GraphQLEndpoint: Sendable {
    private let executor: Executor<GraphQLContext>
    private let documents: GraphQLDocuments
    private let sources: GraphQLSources
    private let settings: GraphQLSettings
    private let page: GraphQLPage?
    private let metrics = GraphQLMetrics()
    private let underWay: Monitor<Int>
    private let logger: Logger

    /// - Parameter page: what browsers are shown; nil shows them nothing.
    init(_ sources: GraphQLSources, _ settings: GraphQLSettings, page: GraphQLPage?, logger: Logger) throws {
        let schema = try Schema(ShopSchema.text, scalars: SchemaPart.coercions)
        var options = ExecutionOptions()
        options.costLimit = settings.cost
        options.deadline = settings.deadline
        options.report = { error, path in
            logger.error("graphql_field_failed", metadata: ["path": "\(path.map(\.text))", "error": "\(error)"])
        }
        executor = try Executor(schema: schema, resolvers: ShopSchema.resolvers, options: options)
        documents = GraphQLDocuments(schema, settings)
        self.sources = sources
        self.settings = settings
        self.page = page
        underWay = Monitor(0)
        self.logger = logger
    }

    /// Each field asks for the right that it needs; these let a caller in at all.
    static let others: [Right] = [.ordersWrite, .ordersWriteOwn, .usersWrite, .reportsRead, .stockRead]

    var routes: [Routes] {
        let files = Routes(needing: .open, .headers(WebPage.headers)) {
            Get("/graphql/:file") { [page] request in
                let name = request.pathParameter("file")
                guard let file = page?.files[name] else {
                    throw HTTPProblem(.notFound, detail: "there is no file \(name)")
                }
                return file.answer(request)
            }
        }
        let operations = Routes(
            needing: .ordersRead, orOwn: true, orAnyOf: Self.others, .noCache,
            .headers([HTTPHeader("Vary", "Accept")])
        ) {
            Post("/graphql", .bodyLimit(settings.requestLimit)) { request, context, responder in
                let type = try Self.type(request, [.response, .json, .events])
                try take(GraphQLRequest(body: request.body), request, context, as: type, isSafe: false, responder)
            }
            Get("/graphql") { request, context, responder in
                let asks = try request.queryItems().contains { ["query", "extensions"].contains($0.name) }
                let type = try Self.type(
                    request, [.response, .json, .events] + (page != nil && !asks ? [.page] : []))
                if type == .page, let page { return responder.send(page.answer(request)) }
                try take(GraphQLRequest(query: request), request, context, as: type, isSafe: true, responder)
            }
        }
        return [operations, files]
    }

    private static func type(
        _ request: borrowing HTTPRequest, _ offered: [GraphQLMediaType]
    ) throws(HTTPProblem) -> GraphQLMediaType {
        guard let type = GraphQLMediaType.wanted(by: request, of: offered) else {
            throw HTTPProblem(
                .notAcceptable, detail: "answers are \(offered.map(\.rawValue).joined(separator: ", "))")
        }
        return type
    }

    // MARK: Operations

    /// On an event loop: everything that may take time is left to a task.
    private func take(
        _ asked: GraphQLRequest, _ request: borrowing HTTPRequest, _ context: RequestContext,
        as type: GraphQLMediaType, isSafe: Bool, _ responder: Responder
    ) throws(HTTPProblem) {
        let caller = try GraphQLCaller(request, context)
        let isTaken = underWay.withLock { count in
            guard count < settings.operations else { return false }
            count += 1
            return true
        }
        guard isTaken else {
            metrics.count(nil, nil, .overloaded, .zero)
            throw Unavailable.overloaded
        }
        Task {
            let following = await answer(asked, caller, GraphQLAnswer(type, responder), isSafe: isSafe)
            // A stream is bounded by the watch's places.
            underWay.withLock { $0 -= 1 }
            await following?()
        }
    }

    /// What remains to be done is a subscription's stream.
    private func answer(
        _ asked: GraphQLRequest, _ caller: GraphQLCaller, _ answer: GraphQLAnswer, isSafe: Bool
    ) async -> (@Sendable () async -> Void)? {
        let start = ContinuousClock.now
        let document: PreparedDocument
        let operation: OperationDefinition
        do {
            document = try documents.document(asked)
            operation = try document.operation(named: asked.operationName)
        } catch {
            let errors = (error as? RequestErrors)?.errors ?? [error as? GraphQLError].compactMap(\.self)
            metrics.count(nil, asked.operationName, .refused, start.duration(to: .now))
            metrics.count(errors)
            answer.send(Response(refused: errors))
            return nil
        }
        let context = GraphQLContext(caller, sources)
        switch operation.kind {
        case .mutation where isSafe:
            answer.refuse(.methodNotAllowed, "mutations are sent by POST", headers: [HTTPHeader("Allow", "POST")])
        case .subscription where answer.type != .events:
            answer.refuse(.notAcceptable, "subscriptions are answered as text/event-stream", headers: [])
        case .subscription: return subscription(document, asked, operation, context, answer, since: start)
        case .query, .mutation:
            let task = Task {
                await executor.execute(
                    document, operation: asked.operationName, variables: asked.variables, context: context)
            }
            // What was begun to be changed is brought to its end.
            if operation.kind == .query { answer.responder.onPeerEnded { task.cancel() } }
            let response = await task.value
            count(response, operation, since: start)
            answer.send(response)
        }
        return nil
    }

    private func subscription(
        _ document: PreparedDocument, _ asked: GraphQLRequest, _ operation: OperationDefinition,
        _ context: GraphQLContext, _ answer: GraphQLAnswer, since start: ContinuousClock.Instant
    ) -> @Sendable () async -> Void {
        {
            // The place in the waiting line is the client's from here on; it is told of refusals on the stream.
            let events = answer.open()
            let task = Task {
                switch await executor.subscribe(
                    document, operation: asked.operationName, variables: asked.variables, context: context)
                {
                case .refused(let response):
                    count(response, operation, since: start)
                    answer.next(response, on: events)
                case .stream(let responses):
                    metrics.count(operation.kind, operation.name?.text, .ok, start.duration(to: .now))
                    do {
                        for try await response in responses {
                            metrics.count(response.errors)
                            guard answer.next(response, on: events) else { return }
                        }
                    } catch {
                        logger.warning("graphql_stream_failed", metadata: ["error": "\(error)"])
                    }
                }
                answer.complete(events)
            }
            events.onDisconnect { task.cancel() }
            await task.value
        }
    }

    private func count(
        _ response: Response, _ operation: OperationDefinition, since start: ContinuousClock.Instant
    ) {
        let outcome: GraphQLMetrics.Outcome =
            response.data == nil ? .refused : response.errors.isEmpty ? .ok : .partial
        metrics.count(operation.kind, operation.name?.text, outcome, start.duration(to: .now))
        metrics.count(response.errors)
    }
}

extension PathElement {
    fileprivate var text: String {
        switch self {
        case .key(let key): key
        case .index(let index): String(index)
        }
    }
}
