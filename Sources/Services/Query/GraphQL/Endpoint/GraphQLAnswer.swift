import GraphQL
import HTTPServer
import JSON

/// Writes responses as the client wants them.
struct GraphQLAnswer: Sendable {
    let type: GraphQLMediaType
    let responder: Responder

    init(_ type: GraphQLMediaType, _ responder: Responder) {
        self.type = type
        self.responder = responder
    }

    /// The one response of an operation.
    func send(_ response: Response) {
        send(response, type == .response ? Self.status(of: response) : .ok, headers: [])
    }

    /// Without `data` nothing was executed (GraphQL over HTTP, "Status Codes"): 400 where there was no document to judge,
    /// 422 where there is one and it, its operation or its variables are refused.
    private static func status(of response: Response) -> HTTPStatus {
        guard response.data == nil else { return .ok }
        let codes = response.errors.map { $0.extensions["code"]?.string ?? "" }
        return codes.contains(where: withoutDocument.contains) ? .badRequest : .unprocessableContent
    }

    private static let withoutDocument: Set = [
        "GRAPHQL_PARSE_FAILED", "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_HASH_MISMATCH",
    ]

    /// An operation that can't be had in this way.
    func refuse(_ status: HTTPStatus, _ message: String, headers: [HTTPHeader]) {
        let code = status == .methodNotAllowed ? "METHOD_NOT_ALLOWED" : "NOT_ACCEPTABLE"
        send(Response(refused: [GraphQLError(message, code: code)]), status, headers: headers)
    }

    private func send(_ response: Response, _ status: HTTPStatus, headers: [HTTPHeader]) {
        guard type != .events else {
            let events = open()
            next(response, on: events)
            return complete(events)
        }
        responder.send(
            HTTPResponse(status, contentType: type.contentType, headers: headers, body: response.bytes))
    }

    // MARK: Server-sent events

    func open() -> EventStream { responder.stream() }

    /// False where the client is gone.
    @discardableResult
    func next(_ response: Response, on events: EventStream) -> Bool {
        events.send(event: "next", data: response.bytes)
    }

    func complete(_ events: EventStream) {
        events.send(event: "complete", data: [])
        events.close()
    }
}
