import Execution
import Messaging
import OrderflowKit
import Orders
import Postgres

/// Shipping: prepares a shipment for every order on its own, sends it off once the order is confirmed.
///
///     OrderCreated   ─> ShipmentCreated | ShipmentFailed
///     OrderConfirmed ─> ShipmentDispatched
///     OrderCancelled ─> ShipmentCancelled
public struct ShippingService: Sendable {
    private let service: ReactingService

    public init(_ context: ServiceContext) throws {
        service = try ReactingService(
            context,
            consumer: ConsumerRunner.Configuration(group: ConsumerGroup.shipping, topics: [context.topics.orderEvents]),
            handler: ShippingHandler(topic: context.topics.orderEvents, source: context.source))
    }

    public var parts: [ThreadGroup.Part] { service.parts }
}
