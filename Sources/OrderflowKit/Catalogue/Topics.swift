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
    /// Whether messages of express orders have a topic of their own beside it, their lane. All that is said of this topic
    /// holds for both: a module that owns, reads, publishes or sends on it does so on either.
    public let hasExpressLane: Bool
    /// Of a lane: the topic that it lies beside.
    private let besides: String?

    /// - Parameter hasExpressLane: true where orders wait for what is on it.
    public init(
        _ id: String, called defaultName: String, keptFor retention: Duration? = nil, _ summary: String,
        hasExpressLane: Bool = false
    ) {
        self.init(id, defaultName, retention, summary, hasExpressLane, besides: nil)
    }

    private init(
        _ id: String, _ defaultName: String, _ retention: Duration?, _ summary: String, _ hasExpressLane: Bool,
        besides: String?
    ) {
        self.id = id
        self.defaultName = defaultName
        self.retention = retention
        self.summary = summary
        self.hasExpressLane = hasExpressLane
        self.besides = besides
    }

    /// Where messages of express orders go instead; nil where they go with all others.
    public var expressLane: Topic? {
        guard hasExpressLane else { return nil }
        return Topic(
            id + "_express", defaultName + Self.suffix, retention,
            "The same of express orders, which go ahead of others.", false, besides: id)
    }

    /// Itself, and its lane where it has one.
    public var withLanes: [Topic] { [self] + [expressLane].compactMap(\.self) }

    /// Whether it is an express lane.
    public var isExpress: Bool { besides != nil }

    /// The topic whose lane it is; itself where it is none.
    var plain: Topic { besides.map { Topic($0, called: "", "") } ?? self }

    static let suffix = "-express"

    public static func == (a: Topic, b: Topic) -> Bool { a.id == b.id }
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }

    public static let orderEvents = Topic(
        "order_events", called: "order-events", "Facts about orders.", hasExpressLane: true)
    public static let userEvents = Topic("user_events", called: "user-events", "Facts about users and accounts.")
    public static let paymentCommands = Topic(
        "payment_commands", called: "payment-commands", "From the saga and the order service to payment.",
        hasExpressLane: true)
    public static let inventoryCommands = Topic(
        "inventory_commands", called: "inventory-commands", "From the saga to inventory.", hasExpressLane: true)
    public static let orderCommands = Topic(
        "order_commands", called: "order-commands", "From the saga and payment to the order service.",
        hasExpressLane: true)
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

    /// A lane that has no name of its own is called after its topic.
    public subscript(topic: Topic) -> String {
        get {
            if let name = names[topic] { return name }
            guard topic.isExpress, let plain = names[topic.plain] else { return topic.defaultName }
            return plain + Topic.suffix
        }
        set { names[topic] = newValue }
    }

    /// The names of a topic and of its lane.
    public func all(of topic: Topic) -> [String] { topic.withLanes.map { self[$0] } }

    public var orderEvents: String { self[.orderEvents] }
    public var userEvents: String { self[.userEvents] }
    public var paymentCommands: String { self[.paymentCommands] }
    public var inventoryCommands: String { self[.inventoryCommands] }
    public var orderCommands: String { self[.orderCommands] }
}
