import Execution
import Messaging
import OrderflowKit
import Outbound
import Postgres

/// Notification: tells customers what became of their orders.
///
///     OrderConfirmed | OrderCancelled | PaymentRefunded ─> a mail, once ─> NotificationSent
public struct NotificationService: Sendable {
    public struct Configuration: Sendable {
        /// Where mails go.
        public enum Delivery: Sendable {
            /// A folder of .eml files.
            case folder(String)
            case smtp(SMTPClient.Configuration)
        }

        public var delivery: Delivery
        public var from: String
        /// The domain of recipients whose user id is no address.
        public var recipientDomain: String
        /// Threads that send; each has a connection of its own to the mail server.
        public var senders = 2

        public init(delivery: Delivery, from: String, recipientDomain: String) {
            self.delivery = delivery
            self.from = from
            self.recipientDomain = recipientDomain
        }
    }

    private let service: ReactingService
    private let mailers: [Mailer]

    public init(_ context: ServiceContext, configuration: Configuration) throws {
        let messageDomain = configuration.from.split(separator: "@").last.map(String.init) ?? "localhost"
        let wakeMailers = Relayed()
        service = try ReactingService(
            context,
            consumer: ConsumerRunner.Configuration(
                group: ConsumerGroup.notification, topics: [context.topics.orderEvents]),
            handler: NotificationHandler(
                recipientDomain: configuration.recipientDomain, messageDomain: messageDomain),
            backlog: MailStore.backlog,
            onCommit: { wakeMailers.call() })
        let relay = service.relay
        let breaker = CircuitBreaker(
            name: "mail",
            onChange: { [logger = context.logger] state in
                logger.warning("circuit_changed", metadata: ["circuit": "mail", "state": "\(state.rawValue)"])
            })
        context.collectors.watch(breaker)
        mailers = (0..<configuration.senders).map { _ in
            Mailer(
                Mailer.Configuration(from: configuration.from), database: context.database,
                topic: context.topics.orderEvents, source: context.source, breaker: breaker, logger: context.logger,
                onCommit: { relay.wake() },
                transport: { () throws(MailError) in
                    switch configuration.delivery {
                    case .folder(let path): try MailFolder(path)
                    case .smtp(let smtp): try SMTPClient(smtp)
                    }
                })
        }
        wakeMailers.set { [mailers] in for mailer in mailers { mailer.wake() } }
        context.health.register("mail") {
            breaker.state == .open ? .notReady("the mail server can't be reached") : .ready
        }
    }

    public var parts: [ThreadGroup.Part] {
        service.parts
            + mailers.enumerated().map { index, mailer in
                ThreadGroup.Part("mailer-\(index)") { try mailer.run(until: $0) }
            }
    }
}
