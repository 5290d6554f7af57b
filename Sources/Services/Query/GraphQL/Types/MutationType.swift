import GraphQL
import HTTPServer
import JSON
import OrderflowKit

extension SchemaPart {
    /// What can be changed: each mutation is the request of the same name at the API's other routes, with its answer, its
    /// refusals and its idempotency.
    static let mutation = SchemaPart(
        """
        "What can be changed. Each is what the route beside it does, with the same rights and refusals; an error's `extensions` has the problem's `code`, `status` and `title`, and what is wrong where (`errors`, with JSON pointers into the input)."
        type Mutation {
          "`POST /orders`. The order is committed to disk when this answers. Needs `orders:write`, or `orders:write:own` for the caller's own."
          placeOrder(
            input: PlaceOrderInput!
            "The same key and input are the same order, however often they come; else the `Idempotency-Key` header."
            idempotencyKey: String
          ): PlaceOrderPayload @cost(weight: 20)
          "`POST /orders/{id}/cancel`. Needs `orders:write`, or `orders:write:own` for the caller's own."
          cancelOrder(id: ID!, reason: String): CancelOrderPayload @cost(weight: 20)
          "`POST /users`. Needs `users:write`."
          createUser(
            input: CreateUserInput!
            "The same key and input are the same user, however often they come; else the `Idempotency-Key` header."
            idempotencyKey: String
          ): CreateUserPayload @cost(weight: 20)
        }

        input PlaceOrderInput {
          userId: String!
          items: [OrderItemInput!]!
          total: Decimal!
          "An ISO 4217 code; `USD` where it isn't given."
          currency: String
          email: String
          shippingAddress: String
          "Of the payment provider; never shown again."
          paymentToken: String
          "`express` goes ahead of orders that aren't, and needs `orders:express`; `ordinary` where it isn't given."
          priority: String
        }

        input OrderItemInput {
          sku: String!
          qty: Int!
        }

        input CreateUserInput {
          "Where the shop has an id for the user already."
          userId: String
          name: String!
          email: String!
        }

        type PlaceOrderPayload {
          "The order as it was taken."
          order: Order!
          "It was there already: the first answer again."
          replayed: Boolean!
        }

        type CancelOrderPayload {
          orderId: ID!
          status: OrderStatus!
          reason: String
          "Changes of the order so far: the read model shows it once its `version` is as high."
          version: Int!
          "The order in the read model, which may not have heard of it yet."
          order: Order
        }

        type CreateUserPayload {
          user: User!
          "The user was there already: the first answer again."
          replayed: Boolean!
        }

        type User {
          userId: String!
          name: String!
          email: String!
          createdAt: DateTime!
        }
        """
    ) { resolvers in
        resolvers.json("PlaceOrderPayload", "CancelOrderPayload", "CreateUserPayload", "User")
        resolvers.object("CancelOrderPayload", JSONValue.self) { payload in
            payload.field("order") { payload, call in
                _ = try call.context.reach(.ordersRead)
                return call.load(Loaders.orders, try payload.orderID)
            }
        }
        resolvers.root("Mutation") { mutation in
            mutation.async("placeOrder") { _, call in
                let answer = try await change(.placeOrder, body: call.arguments["input"], call)
                return ["order": answer.body["order"] ?? .null, "replayed": .bool(answer.isReplayed)] as JSONValue
            }
            mutation.async("cancelOrder") { _, call in
                var body: JSONObject = [:]
                if let reason = call.arguments["reason"], !reason.isNull { body["reason"] = reason }
                let id = call.arguments.string("id") ?? ""
                return try await change(.cancelOrder(id), body: .object(body), call).body["order"] ?? .null
            }
            mutation.async("createUser") { _, call in
                let answer = try await change(.createUser, body: call.arguments["input"], call)
                return ["user": answer.body["user"] ?? .null, "replayed": .bool(answer.isReplayed)] as JSONValue
            }
        }
    }

    private static func change(
        _ wish: WriteRequest.Wish, body: JSONValue?, _ call: FieldCall<GraphQLContext>
    ) async throws -> WriteAnswer {
        // What is null in the input isn't there for the routes.
        var members: JSONObject = [:]
        for member in body?.object?.members ?? [] where !member.value.isNull { members[member.name] = member.value }
        let request = WriteRequest(
            wish: wish, body: JSONValue.object(members).bytes,
            idempotencyKey: call.arguments.string("idempotencyKey") ?? call.context.caller.idempotencyKey)
        return try WriteAnswer(try await call.context.writes.answer(request, for: call.context.caller))
    }
}
