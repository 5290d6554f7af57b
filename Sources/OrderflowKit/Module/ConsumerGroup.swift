import Messaging

/// A consumer group of a service, with what it reads and who handles it.
public struct ConsumerGroup: Sendable {
    /// A topic that the group reads, and when.
    public struct Subscription: Sendable, Hashable {
        public let topic: Topic
        public let modes: Set<FulfilmentMode>

        /// - Parameter modes: of the saga; the group doesn't read the topic in others.
        public init(_ topic: Topic, in modes: FulfilmentMode...) {
            self.topic = topic
            self.modes = modes.isEmpty ? Set(FulfilmentMode.allCases) : Set(modes)
        }
    }

    /// Who waits for what a group does; `pace` says what that comes to.
    public enum Urgency: Sendable, CaseIterable {
        /// A reader, at this moment: it keeps what is shown.
        case immediate
        /// A customer: it is on the way of an order to its end.
        case urgent
        /// Nobody who would notice some tenths of a second.
        case patient
        /// Nobody who would notice a second: it keeps sums and documents, of which orders are a part once they are settled.
        case leisurely
    }

    public internal(set) var name: String
    public let subscriptions: [Subscription]
    /// Records in one transaction at most.
    public var batchSize: Int?
    /// False only for handlers that are idempotent by their own keys: to which a copy of a record, however old and whatever
    /// came after it, is one that changes nothing and sends nothing.
    public var usesInbox = true
    /// Whether the service can't do its main work without the group.
    public var isNeeded = true
    public var urgency = Urgency.urgent
    package let handler: @Sendable (ServiceContext) throws -> any BatchHandler

    public init(
        _ name: String, reads subscriptions: [Subscription], batchSize: Int? = nil, usesInbox: Bool = true,
        isNeeded: Bool = true, urgency: Urgency = .urgent,
        by handler: @escaping @Sendable (ServiceContext) throws -> any BatchHandler
    ) {
        self.name = name
        self.subscriptions = subscriptions
        self.batchSize = batchSize
        self.usesInbox = usesInbox
        self.isNeeded = isNeeded
        self.urgency = urgency
        self.handler = handler
    }

    /// What it reads in a mode of the saga, express lanes included; empty where it isn't at work.
    public func topics(in mode: FulfilmentMode) -> [Topic] {
        subscriptions.filter { $0.modes.contains(mode) }.flatMap(\.topic.withLanes)
    }
}

/// A consumer group: its inbox, offsets and dead letters are in the service's database; what it puts out goes through
/// the service's outbox.
public struct Consumes: ServiceModulePart {
    private let make: (_ module: String) -> ConsumerGroup

    /// The usual group, `<service>-group`, over topics in every mode of the saga.
    ///
    /// - Parameter usesInbox: see `ConsumerGroup.usesInbox`.
    public init(
        _ topics: Topic..., usesInbox: Bool = true, urgency: ConsumerGroup.Urgency = .urgent,
        by handler: @escaping @Sendable (ServiceContext) throws -> any BatchHandler
    ) {
        let subscriptions = topics.map { ConsumerGroup.Subscription($0) }
        make = {
            ConsumerGroup(
                "\($0)-group", reads: subscriptions, usesInbox: usesInbox, urgency: urgency, by: handler)
        }
    }

    public init(_ group: ConsumerGroup) { make = { _ in group } }

    public func join(_ module: inout ServiceModule) {
        let group = make(module.name)
        module.groups.append(group)
        module.database?.groups.append(group.name)
    }
}
