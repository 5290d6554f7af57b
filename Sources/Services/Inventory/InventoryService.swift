import Execution
import Messaging
import OrderflowKit
import Orders
import Postgres

/// Inventory: sets stock aside for orders, all of an order's lines or none.
///
///     orchestration              choreography
///     ReserveStock               OrderCreated    ─> StockReserved | StockRejected
///     ReleaseStock               OrderCancelled  ─> StockReleased
///     OrderConfirmed             OrderConfirmed  ─> (the goods leave; no fact)
///
/// A confirmed order's pieces are taken off `on_hand` at once: shipping dispatches on the same fact.
public struct InventoryService: Sendable {
    public struct Configuration: Sendable {
        public typealias UnknownSKU = StockLevels.UnknownSKU

        public var unknownSKU = UnknownSKU.unlimited
        public var mode = FulfilmentMode.orchestration

        public init() {}
    }

    private let service: ReactingService

    public init(_ context: ServiceContext, configuration: Configuration = Configuration()) throws {
        let topics = context.topics
        service = try ReactingService(
            context,
            consumer: ConsumerRunner.Configuration(
                group: ConsumerGroup.inventory,
                topics: configuration.mode == .orchestration
                    ? [topics.inventoryCommands, topics.orderEvents] : [topics.orderEvents]),
            handler: InventoryHandler(
                mode: configuration.mode, unknownSKU: configuration.unknownSKU, topic: topics.orderEvents,
                source: context.source))
    }

    public var parts: [ThreadGroup.Part] { service.parts }
}
