import Execution
import Kafka
import Logging
import Messaging
import OrderflowKit
import Orders
import Postgres
import Terminal

/// Holds the services' databases and the topic against what docs/guarantees.md promises. Reads only; memory and
/// transactions stay small whatever the number of orders.
public struct OrderVerification: Sendable {
    /// What was found.
    public struct Report: Sendable {
        /// Of the event store.
        public var orders = 0
        public var confirmed = 0
        public var cancelled = 0
        /// Changed too recently to be judged.
        public var moving = 0
        /// Not at their end, by what they wait for.
        public var running: [String: Int] = [:]
        /// Nobody could be written to about them.
        public var unaddressed = 0
        /// Records of the topic, those of them that are copies of others, and those that are no facts.
        public var records = 0
        public var copies = 0
        public var unreadable = 0
        /// Promises broken.
        public var broken = 0

        public var isSound: Bool { broken == 0 }
    }

    /// One thing found on the way.
    public enum Finding: Sendable {
        case broken(order: OrderKey?, String)
        case running(order: OrderKey, String)
    }

    /// Where the services' data lies; without a saga, orders are led by choreography.
    public struct Databases: Sendable {
        public var orders: PostgresConfiguration
        public var views: PostgresConfiguration
        public var shipping: PostgresConfiguration
        public var notification: PostgresConfiguration
        public var payment: PostgresConfiguration
        public var inventory: PostgresConfiguration
        public var saga: PostgresConfiguration?

        public init(
            orders: PostgresConfiguration, views: PostgresConfiguration, shipping: PostgresConfiguration,
            notification: PostgresConfiguration, payment: PostgresConfiguration, inventory: PostgresConfiguration,
            saga: PostgresConfiguration?
        ) {
            self.orders = orders
            self.views = views
            self.shipping = shipping
            self.notification = notification
            self.payment = payment
            self.inventory = inventory
            self.saga = saga
        }
    }

    private let databases: Databases
    private let kafka: KafkaConfiguration
    /// Of the facts about orders: the topic and its lane.
    private let topics: [String]
    private let facts: FactCatalogue
    private let settle: Duration
    private let logger: Logger

    private static let batch = 1_000

    /// - Parameters:
    ///   - facts: all of the installation.
    ///   - settle: an order that changed less long ago isn't judged.
    public init(
        _ databases: Databases, kafka: KafkaConfiguration, topics: [String], facts: FactCatalogue,
        settle: Duration = .seconds(30), logger: Logger
    ) {
        self.databases = databases
        self.kafka = kafka
        self.topics = topics
        self.facts = facts
        self.settle = settle
        self.logger = logger
    }

    /// Blocks the calling thread for some minutes a million orders.
    ///
    /// - Parameters:
    ///   - onProgress: called some times a second.
    ///   - tell: called for each thing found, in the order of the orders' ids.
    public func run(onProgress: (VerificationProgress) -> Void, _ tell: (Finding) -> Void) throws -> Report {
        let connections = try EvidenceReader.Connections(
            orders: Connection(databases.orders, logger: logger), views: Connection(databases.views, logger: logger),
            shipping: Connection(databases.shipping, logger: logger),
            notification: Connection(databases.notification, logger: logger),
            payment: Connection(databases.payment, logger: logger),
            inventory: Connection(databases.inventory, logger: logger),
            saga: try databases.saga.map { try Connection($0, logger: logger) })
        let now = try connections.orders.query("SELECT clock_timestamp()").one().get(0, as: Timestamp.self)
        let settledBefore = now.microseconds - Int64(settle / .microseconds(1))
        // How far everybody is comes first: what they do after it can only be more.
        let reader = try EvidenceReader(connections, topics: topics)
        let facts = try TopicFacts.load(
            topics, known: self.facts, kafka: kafka, on: connections.orders, logger: logger, onProgress: onProgress)
        var report = Report()
        report.records = facts.records
        report.unreadable = facts.unreadable
        var next: OrderKey? = OrderKey(tenant: "", orderID: "")
        while let key = next {
            let orders: [OrderEvidence]
            (orders, next) = try reader.next(after: key, limit: Self.batch)
            for order in orders { judge(order, settledBefore, &report, tell) }
            onProgress(VerificationProgress(stage: .judging, done: report.orders, total: facts.announced))
        }
        onProgress(VerificationProgress(stage: .adding))
        for imbalance in try StockBalance.check(on: connections.inventory) {
            report.broken += 1
            tell(.broken(order: nil, "stock: \(imbalance)"))
        }
        for difference in try SalesBalance.check(on: connections.views) {
            report.broken += 1
            tell(.broken(order: nil, "sales: \(difference)"))
        }
        return report
    }

    private func judge(
        _ order: OrderEvidence, _ settledBefore: Int64, _ report: inout Report, _ tell: (Finding) -> Void
    ) {
        if !order.events.isEmpty { report.orders += 1 }
        if order.mails.contains(where: { $0.status == "unaddressed" }) { report.unaddressed += 1 }
        report.copies += order.facts.reduce(0) { $0 + $1.copies - 1 }
        let finding = OrderInvariants.check(order, settledBefore: settledBefore)
        switch finding.place {
        case .confirmed: report.confirmed += 1
        case .cancelled: report.cancelled += 1
        case .moving: report.moving += 1
        case .unknown: break
        case .running(let reason):
            report.running[reason, default: 0] += 1
            tell(.running(order: order.key, reason))
        }
        report.broken += finding.broken.count
        for text in finding.broken { tell(.broken(order: order.key, text)) }
    }
}
