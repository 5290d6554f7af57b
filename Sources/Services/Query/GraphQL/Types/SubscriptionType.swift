import GraphQL
import HTTPServer
import JSON
import OrderflowKit

extension SchemaPart {
    static let subscription = SchemaPart(
        """
        "What can be listened to, over server-sent events."
        type Subscription {
          "The order now, and again at each change; changes that follow each other quickly may come as one. Needs `orders:read`, or `orders:read:own` for the caller's own."
          orderChanged(id: ID!): Order
        }
        """
    ) { resolvers in
        resolvers.subscription(
            "orderChanged",
            subscribe: { call in
                let id = call.arguments.string("id") ?? ""
                let reach = try call.context.reach(.ordersRead)
                do {
                    return try await call.context.changes.changes(of: id, within: reach, for: call.context.caller)
                } catch {
                    throw ProblemError.of(error) ?? error
                }
            },
            resolve: { view, _ in try JSONValue(parsing: view.document) })
    }
}
