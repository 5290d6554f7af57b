/// The Kafka topics of DESIGN section 3, and who consumes them.
public struct Topics: Sendable {
    public var orderEvents = "order-events"
    public var userEvents = "user-events"
    public var paymentCommands = "payment-commands"
    public var inventoryCommands = "inventory-commands"
    public var orderCommands = "order-commands"

    public init() {}

    public var all: [String] { [orderEvents, userEvents, paymentCommands, inventoryCommands, orderCommands] }
}

/// The consumer groups, one a service.
public enum ConsumerGroup {
    public static let shipping = "shipping-group"
    public static let notification = "notification-group"
    public static let projection = "projection-group"
    public static let payment = "payment-group"
    public static let inventory = "inventory-group"
    public static let order = "order-group"
    public static let saga = "saga-group"
}
