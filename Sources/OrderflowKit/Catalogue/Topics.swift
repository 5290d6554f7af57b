import Messaging

/// The Kafka topics of DESIGN section 3, and who consumes them.
public struct Topics: Sendable {
    public var orderEvents = "order-events"
    public var userEvents = "user-events"
    public var paymentCommands = "payment-commands"
    public var inventoryCommands = "inventory-commands"
    public var orderCommands = "order-commands"
    /// Log lines of daemons that ship theirs. No part of an order's way, and not kept for ever.
    public var logs = "logs"

    public init() {}

    public var all: [String] { [orderEvents, userEvents, paymentCommands, inventoryCommands, orderCommands] }

    /// Who reads what, in either mode of the saga.
    package var subscriptions: [(group: String, topics: [String])] {
        [
            (ConsumerGroup.shipping, [orderEvents]), (ConsumerGroup.notification, [orderEvents]),
            (ConsumerGroup.projection, [orderEvents]), (ConsumerGroup.saga, [orderEvents]),
            (ConsumerGroup.invoicing, [orderEvents, userEvents]),
            (ConsumerGroup.sales, [orderEvents]),
            (ConsumerGroup.payment, [paymentCommands, orderEvents]),
            (ConsumerGroup.inventory, [inventoryCommands, orderEvents]),
            (ConsumerGroup.order, [orderCommands, orderEvents]), (ConsumerGroup.orderOutcomes, [orderEvents]),
        ]
    }

    /// The groups at work in a mode of the saga, and the topics that each consumes.
    public func subscriptions(in mode: FulfilmentMode) -> [String: Set<String>] {
        var groups: [String: Set<String>] = [
            ConsumerGroup.shipping: [orderEvents], ConsumerGroup.notification: [orderEvents],
            ConsumerGroup.projection: [orderEvents], ConsumerGroup.saga: [orderEvents],
            ConsumerGroup.invoicing: [orderEvents, userEvents], ConsumerGroup.sales: [orderEvents],
            ConsumerGroup.order: [orderCommands, orderEvents],
        ]
        switch mode {
        case .orchestration:
            groups[ConsumerGroup.payment] = [paymentCommands]
            groups[ConsumerGroup.inventory] = [inventoryCommands, orderEvents]
        case .choreography:
            groups[ConsumerGroup.payment] = [orderEvents]
            groups[ConsumerGroup.inventory] = [orderEvents]
            groups[ConsumerGroup.orderOutcomes] = [orderEvents]
        }
        return groups
    }

    /// Where each group publishes what it could not handle.
    public var deadLetters: [String] {
        subscriptions.flatMap { group, topics in topics.map { DeadLetters.topic(of: $0, group: group) } }
    }
}

/// The consumer groups, one a service.
public enum ConsumerGroup {
    public static let shipping = "shipping-group"
    public static let notification = "notification-group"
    public static let projection = "projection-group"
    public static let invoicing = "invoicing-group"
    public static let sales = "sales-group"
    public static let payment = "payment-group"
    public static let inventory = "inventory-group"
    public static let order = "order-group"
    /// The order service in choreography.
    public static let orderOutcomes = "order-outcomes-group"
    public static let saga = "saga-group"
}
