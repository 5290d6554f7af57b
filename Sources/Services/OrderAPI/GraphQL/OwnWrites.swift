import HTTPServer
import OrderflowKit
import Query

/// GraphQL's mutations in the process of the API itself: what its other routes do with a request's body.
struct OwnWrites: WriteSide {
    let service: OrderService
    let orders: OrderRoutes
    let users: UserRoutes

    func answer(_ request: WriteRequest, for caller: GraphQLCaller) async throws -> HTTPResponse {
        await withCheckedContinuation { continuation in
            take(request, caller.context, Responder(answering: { continuation.resume(returning: $0) }))
        }
    }

    /// Answers by the responder, now or later.
    private func take(_ request: WriteRequest, _ context: RequestContext, _ responder: Responder) {
        do {
            let key = try request.idempotencyKey.map { text throws(HTTPProblem) in try IdempotencyKey(checking: text) }
            try request.body.withUnsafeBytes { body in
                switch request.wish {
                case .placeOrder: try orders.create(body, key, context, responder)
                case .cancelOrder(let id):
                    try orders.cancellation(of: id, body, context)
                        .send(to: responder, from: service.database, for: context)
                case .createUser:
                    // A route's gate asks for it where there is a route.
                    try context.demand(.usersWrite)
                    try users.createUser(body, key, context, responder)
                }
            }
        } catch let error as any AnswerableError {
            responder.send(error.problem(titled: Self.refusal(request.wish)))
        } catch {
            responder.send(HTTPProblem(.internalServerError))
        }
    }

    /// What the routes call a request that they refuse.
    private static func refusal(_ wish: WriteRequest.Wish) -> String {
        switch wish {
        case .placeOrder: "Invalid order"
        case .cancelOrder: "Invalid cancellation"
        case .createUser: "Invalid user"
        }
    }
}
