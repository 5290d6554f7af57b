import Execution
import OrderflowKit
import Outbound

extension Mailer {
    /// Threads that send; each has a connection of its own to the mail server.
    private static let senders = 2

    /// The mailers of a notification process.
    static func running(_ context: ServiceContext) throws -> Running {
        let mail = context.settings[MailSettings.self]
        let breaker = CircuitBreaker(
            name: "mail",
            onChange: { [logger = context.logger] state in
                logger.warning("circuit_changed", metadata: ["circuit": "mail", "state": "\(state.rawValue)"])
            })
        context.collectors.watch(breaker)
        let smtp = mail.server.map { SMTPClient.Configuration(url: $0) }
        let desk = context.shared(MailDesk())
        let mailers = (0..<senders).map { _ in
            Mailer(
                Mailer.Configuration(from: mail.from, pace: context.settings.pace.tick(of: .patient)),
                database: context.database, topic: context.topics.orderEvents,
                source: context.source, breaker: breaker, desk: desk, logger: context.logger,
                onCommit: { context.wakeRelays() },
                transport: { () throws(MailError) in
                    if let smtp { try SMTPClient(smtp) } else { try MailboxFolder(mail.directory) }
                })
        }
        context.health.register("mail") {
            breaker.state == .open ? .notReady("the mail server can't be reached") : .ready
        }
        return Running(
            parts: mailers.enumerated().map { index, mailer in
                ThreadGroup.Part("mailer-\(index)") { try mailer.run(until: $0) }
            }, backlog: MailStore.backlog)
    }
}
