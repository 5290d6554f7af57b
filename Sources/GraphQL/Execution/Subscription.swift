import JSON

/// What opening a subscription came to.
public enum SubscriptionStart: Sendable {
    case stream(ResponseStream)
    /// The response, of errors only.
    case refused(Response)
}

/// The responses to a subscription's events, in their order. An event is taken from the source when its response is asked
/// for, so a slow reader slows the source. Throws what the source throws, which ends it.
public struct ResponseStream: AsyncSequence, Sendable {
    public typealias Element = Response

    let events: AnyEvents
    let respond: @Sendable (any Sendable) async -> Response

    public struct AsyncIterator: AsyncIteratorProtocol {
        let events: AnyEvents.Iterator
        let respond: @Sendable (any Sendable) async -> Response

        public mutating func next() async throws -> Response? {
            guard let event = try await events.next() else { return nil }
            return await respond(event)
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(events: events.makeIterator(), respond: respond)
    }
}

extension Executor {
    /// Opens a subscription and answers each of its events by a response (specification, section 6.2.3). Cancelling the
    /// task that iterates cancels the source.
    public func subscribe(
        _ document: PreparedDocument, operation name: String? = nil, variables: JSONObject = JSONObject(),
        context: Context
    ) async -> SubscriptionStart {
        switch core.prepare(document, name, variables) {
        case .failure(let refused): return .refused(Response(refused: refused.errors))
        case .success(let (operation, type, values)):
            guard operation.kind == .subscription else {
                return .refused(
                    Response(refused: [GraphQLError("The operation is no subscription.", code: "BAD_REQUEST")]))
            }
            return await core.open(document, operation, type, values, context)
        }
    }
}

extension ExecutorCore {
    /// CreateSourceEventStream and MapSourceToResponseEvent.
    func open(
        _ document: PreparedDocument, _ operation: OperationDefinition, _ type: TypeDefinition,
        _ values: [String: JSONValue], _ context: any Sendable
    ) async -> SubscriptionStart {
        let planner = Planner(executor: self, fragments: document.fragments, variables: values)
        guard case .success(let plan) = planner.plan([operation.selectionSet], of: type), let field = plan.fields.first,
            let stream = stream(field.definition.name)
        else {
            return .refused(Response(refused: [GraphQLError("There is no such subscription.", code: "BAD_REQUEST")]))
        }
        let path: [PathElement] = [.key(field.key)]
        do {
            let call = AnyCall(
                context: context, arguments: try field.arguments.get(), fieldName: field.definition.name,
                responseKey: field.key, parent: nil)
            let events = try await stream.open(call)
            return .stream(
                ResponseStream(events: events) { [self] event in
                    await run(document, operation, type, values, context, source: event, resolver: stream.resolver)
                })
        } catch {
            var shown = presented(error, path: path)
            shown.path = path
            shown.locations = field.locations(in: document.document.source)
            return .refused(Response(refused: [shown]))
        }
    }
}
