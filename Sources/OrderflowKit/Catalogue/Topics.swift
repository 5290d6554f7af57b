/// A Kafka topic that services talk over; what it is called on the brokers is a setting.
public struct Topic: Hashable, Sendable {
    /// As settings have it: `topics.<id>`.
    public let id: String
    /// On the brokers, unless configured otherwise.
    public let defaultName: String
    /// What is on it.
    public let summary: String
    /// How long its records are kept; nil: for ever, as facts and commands are.
    public let retention: Duration?

    public init(
        _ id: String, called defaultName: String, keptFor retention: Duration? = nil, _ summary: String
    ) {
        self.id = id
        self.defaultName = defaultName
        self.retention = retention
        self.summary = summary
    }

    public static func == (a: Topic, b: Topic) -> Bool { a.id == b.id }
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }

    public static let orderEvents = Topic("order_events", called: "order-events", "Facts about orders.")
    public static let userEvents = Topic("user_events", called: "user-events", "Facts about users and accounts.")
    public static let paymentCommands = Topic(
        "payment_commands", called: "payment-commands", "From the saga and the order service to payment.")
    public static let inventoryCommands = Topic(
        "inventory_commands", called: "inventory-commands", "From the saga to inventory.")
    public static let orderCommands = Topic(
        "order_commands", called: "order-commands", "From the saga and payment to the order service.")
    public static let quoteRequests = Topic(
        "quote_requests", called: "quote-requests", keptFor: .seconds(600),
        "What the order service asks inventory, for POST /quotes; kept for ten minutes.")
}

/// What topics are called on the brokers.
public struct Topics: Sendable, Hashable {
    private var names: [Topic: String] = [:]
    /// Log lines of daemons that ship theirs. No part of an order's way, and not kept for ever.
    public var logs = "logs"

    public init() {}

    public subscript(topic: Topic) -> String {
        get { names[topic] ?? topic.defaultName }
        set { names[topic] = newValue }
    }

    public var orderEvents: String { self[.orderEvents] }
    public var userEvents: String { self[.userEvents] }
    public var paymentCommands: String { self[.paymentCommands] }
    public var inventoryCommands: String { self[.inventoryCommands] }
    public var orderCommands: String { self[.orderCommands] }
}
