import GraphQL
import JSON
import OrderflowKit

extension SchemaPart {
    /// An order's history, as the event store has it.
    static let orderEvent = SchemaPart(
        """
        "One event of an order's stream in the event store."
        type OrderEvent {
          version: Int!
          "Such as `OrderCreated`."
          type: String!
          schemaVersion: Int!
          recordedAt: DateTime!
          payload: JSON!
          audit: EventAudit!
        }

        "Who did it, for whom, and what led to it."
        type EventAudit {
          messageId: String!
          at: DateTime!
          tenant: String!
          "Who asked; null where a service did it by itself."
          subject: String
          source: String!
          correlationId: String!
          causationId: String
          traceparent: String
        }
        """
    ) { resolvers in
        resolvers.json("OrderEvent", "EventAudit")
    }
}

extension Loaders {
    /// Histories by orders' ids.
    static let events = Loader<GraphQLContext, String, JSONValue>(
        "events", batchLimit: 100,
        partial: {
            ids, context in
            try await context.histories.events(of: ids, within: context.reach(.ordersRead), for: context.caller)
        })
}
