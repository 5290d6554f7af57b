import HTTPServer
import JSON
import OrderflowKit

/// A wish to change something, as a request of the API's.
package struct WriteRequest: Sendable {
    package enum Wish: Sendable, Hashable {
        case placeOrder
        case cancelOrder(String)
        case createUser
    }

    package let wish: Wish
    /// JSON, as the route of the wish takes it.
    package let body: [UInt8]
    package let idempotencyKey: String?
}

/// Takes wishes to change something. The API does so itself; other roles send them on to it.
package protocol WriteSide: Sendable {
    /// The answer that the route of the wish gives, a problem too. Throws where there is none.
    func answer(_ request: WriteRequest, for caller: GraphQLCaller) async throws -> HTTPResponse
}

/// What a wish was answered that was granted.
struct WriteAnswer: Sendable {
    let body: JSONValue
    /// It was granted before.
    let isReplayed: Bool

    /// Throws what a refused wish was refused for.
    init(_ response: HTTPResponse) throws {
        let document = try? JSONValue(parsing: response.body)
        guard response.status.rawValue < 300, let document else {
            throw ProblemError(status: response.status.rawValue, document: document)
        }
        body = document
        isReplayed = response.headers.contains { $0.name == "Idempotency-Replayed" }
    }
}

/// Sends wishes on to the API with the caller's own credentials: it judges them as if they had come there.
struct ForwardedWrites: WriteSide {
    let api: RoleLink

    func answer(_ request: WriteRequest, for caller: GraphQLCaller) async throws -> HTTPResponse {
        var headers = caller.credentials + [("Content-Type", "application/json")]
        if let key = request.idempotencyKey {
            guard !key.isEmpty, key.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) else {
                throw ProblemError(
                    HTTPProblem(.badRequest, detail: "idempotencyKey must have printable ASCII characters only"))
            }
            headers.append((name: "Idempotency-Key", value: "\"\(key)\""))
        }
        let answer = try await api.ask(Self.path(request.wish), body: request.body, headers: headers)
        return HTTPResponse(
            HTTPStatus(rawValue: (200...599).contains(answer.status) ? answer.status : 502),
            headers: answer.header("Idempotency-Replayed").map { [HTTPHeader("Idempotency-Replayed", $0)] } ?? [],
            body: answer.body)
    }

    private static func path(_ wish: WriteRequest.Wish) -> String {
        switch wish {
        case .placeOrder: "/orders"
        case .cancelOrder(let id): "/orders/\(RoleLink.segment(id))/cancel"
        case .createUser: "/users"
        }
    }
}

/// In a program without the API.
struct NoAPI: WriteSide, OrderHistories {
    func answer(_ request: WriteRequest, for caller: GraphQLCaller) async throws -> HTTPResponse {
        throw RoleLink.missing("api")
    }

    func events(
        of orderIDs: [String], within reach: Reach, for caller: GraphQLCaller
    ) async throws -> [String: Result<JSONValue, any Error>] {
        throw RoleLink.missing("api")
    }
}
