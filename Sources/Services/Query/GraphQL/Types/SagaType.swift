import GraphQL
import JSON

extension SchemaPart {
    /// An order's fulfilment, as the saga role tells it.
    static let saga = SchemaPart(
        """
        "Where an order's fulfilment stands."
        type Saga {
          "`awaiting-start`, `running`, `compensating`, `completed` or `compensated`."
          status: String!
          "Why it is undone."
          reason: String
          "Why it needs a person; null where it doesn't."
          attention: String
          "The fingerprint of the definition that it is led by."
          definition: String
          correlationId: String
          createdAt: DateTime!
          startedAt: DateTime
          endedAt: DateTime
          nextDeadline: DateTime
          steps: [SagaStep!]! @listSize(assumedSize: 5)
          "The order's own end, where it had to be cancelled."
          abort: SagaCall
          "What has happened, the oldest first; of a long history the beginning."
          log: [SagaLogEntry!]! @listSize(assumedSize: 20)
        }

        "A step, and how far it is."
        type SagaStep {
          "Such as `payment`."
          step: String!
          "`waiting`, `requested`, `refused`, `succeeded`, `failed`, `timed-out` or `resolved`."
          progress: String!
          requestedAt: DateTime
          settledAt: DateTime
          dueAt: DateTime
          detail: String
          "How it is undone; null where it needn't be."
          compensation: SagaCall
        }

        "A command to a service, and what came of it."
        type SagaCall {
          "`waiting`, `requested`, `refused`, `succeeded`, `failed`, `timed-out` or `resolved`."
          progress: String!
          requestedAt: DateTime
          settledAt: DateTime
          dueAt: DateTime
          detail: String
        }

        type SagaLogEntry {
          at: DateTime!
          event: String!
          step: String
          detail: String
          "The type of the fact that led to it, `deadline` or `operator`."
          cause: String
          messageId: String
          "The operator."
          by: String
        }
        """
    ) { resolvers in
        resolvers.json("Saga", "SagaStep", "SagaCall", "SagaLogEntry")
        resolvers.object("Saga", JSONValue.self) { saga in
            saga.field("log") { saga, _ in saga["log"] ?? [] }
        }
    }
}

extension Loaders {
    /// Fulfilments by their orders' ids: one call to the saga role for all of them, within its deadline.
    static let sagas = Loader<GraphQLContext, String, JSONValue>("sagas", batchLimit: ShopLinks.sagaBatch) {
        ids, context in
        try await context.links.sagas(of: ids, for: context.caller)
    }
}
