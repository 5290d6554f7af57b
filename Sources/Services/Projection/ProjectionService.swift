import Execution
import Messaging
import OrderflowKit
import Postgres

/// The read side's writer: one consumer group a read model, so that each can be rebuilt alone.
///
///     order-events              ─> projection-group ─> order_views
///     order-events, user-events ─> invoicing-group  ─> invoice_orders, invoice_recipients
///     order-events              ─> sales-group      ─> sales_orders and sums: customers, articles, currencies by day
public struct ProjectionService: Sendable {
    private let service: ReactingService

    public init(_ context: ServiceContext) throws {
        var consumer = ConsumerRunner.Configuration(
            group: ConsumerGroup.projection, topics: [context.topics.orderEvents])
        consumer.batchSize = 2_000
        // The documents themselves know which facts they have; an inbox would double the writes.
        consumer.usesInbox = false
        // Every statement of these can be repeated.
        var invoicing = ConsumerRunner.Configuration(
            group: ConsumerGroup.invoicing, topics: [context.topics.orderEvents, context.topics.userEvents])
        invoicing.batchSize = 2_000
        invoicing.usesInbox = false
        var sales = ConsumerRunner.Configuration(group: ConsumerGroup.sales, topics: [context.topics.orderEvents])
        sales.batchSize = 2_000
        sales.usesInbox = false
        service = try ReactingService(
            context, consumer: consumer, handler: OrderViewProjection(context.facts),
            besides: [
                ReactingService.Companion(invoicing, InvoicingHandler()),
                ReactingService.Companion(sales, SalesHandler()),
            ])
    }

    public var parts: [ThreadGroup.Part] { service.parts }
}
