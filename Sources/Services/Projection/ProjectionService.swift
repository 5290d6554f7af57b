import Execution
import Messaging
import Postgres

/// The read side's writer: folds every fact about an order into its document.
public struct ProjectionService: Sendable {
    private let service: ReactingService

    public init(_ context: ServiceContext) throws {
        var consumer = ConsumerRunner.Configuration(
            group: ConsumerGroup.projection, topics: [context.topics.orderEvents])
        consumer.batchSize = 2_000
        // The documents themselves know which facts they have; an inbox would double the writes.
        consumer.usesInbox = false
        service = try ReactingService(context, consumer: consumer, handler: OrderViewProjection())
    }

    public var parts: [ThreadGroup.Part] { service.parts }
}
