import Execution
import Hashing
import Logging
import Outbound
import Postgres

/// Sends what `WebhookHandler` queues. Any number may run: each works for the endpoints that it has taken, and those of
/// one that died are anybody's when their lease is over.
///
/// A fact is sent at least once, and to one endpoint an order's facts in their order: the next one is sent after the
/// acceptance of the one before is committed. A process that dies between an acceptance and its commit sends again, with
/// the same `webhook-id`.
final class DeliveryWorker: Sendable {
    struct Configuration: Sendable {
        var rounds = DeliveryRounds.Configuration()
        /// Between two rounds (`ThreadTick`): what comes meanwhile is noted and sent together. It holds up no endpoint that has
        /// more to send than it may at once.
        var pace: Duration = .milliseconds(40)
        /// From one look for what is due to the next where nobody wakes it.
        var poll: Duration = .seconds(1)
        /// For sends under way at a shutdown; the others are cut off, and sent again by the process that works next.
        var drain: Duration = .seconds(3)
    }

    private let configuration: Configuration
    private let database: PostgresConfiguration
    private let makeSender: @Sendable () throws -> any DeliverySender
    private let desk: DeliveryDesk
    private let vault: SecretVault
    private let logger: Logger

    init(
        _ configuration: Configuration, database: PostgresConfiguration, desk: DeliveryDesk, vault: SecretVault,
        logger: Logger, sender: @escaping @Sendable () throws -> any DeliverySender
    ) {
        self.configuration = configuration
        self.database = database.planning(.generic)
        makeSender = sender
        self.desk = desk
        self.vault = vault
        self.logger = logger
    }

    /// Works until `stop`. Blocks the calling thread.
    func run(until stop: StopSignal) throws {
        stop.onStop { [desk] in desk.stop() }
        let sender = try makeSender()
        let connection = ReconnectingConnection(database, name: "webhooks", stop: stop, logger: logger)
        // Nobody else's, and not the next process's of the same name: what that finds held was sent by another.
        let holder = Hexadecimal.text((0..<8).map { _ in UInt8.random(in: .min ... .max) })
        let rounds = DeliveryRounds(
            configuration.rounds, sender: sender, desk: desk, vault: vault, holder: holder, logger: logger)
        var pause = Backoff(base: .milliseconds(100), cap: .seconds(5))
        var tick = ThreadTick(Ticking(every: configuration.pace))
        var work = DeliveryDesk.Work(looks: true)
        while !stop.isStopped {
            rounds.take(work.ended)
            work.ended = []
            do {
                if !vault.isReady { try connection.run { try vault.load(on: $0) } }
                tick.begin(at: .now)
                try connection.run { try rounds.round(work, on: $0) }
                work = DeliveryDesk.Work()
                tick.end(at: .now)
                pause.reset()
            } catch {
                if stop.isStopped { break }
                logger.warning("webhook worker interrupted", metadata: ["error": "\(error)"])
                // What has ended is kept by the rounds; who was woken is looked for.
                work = DeliveryDesk.Work(looks: true)
                stop.wait(for: pause.next())
                continue
            }
            // Who has more to send waits for answers and for nothing else: half of them are a round.
            let isFull = rounds.isFull
            desk.gather(
                isFull ? max(1, rounds.underWay / 2) : .max, for: tick.pause(at: .now, isUsual: isFull))
            work = desk.next(within: configuration.poll)
        }
        drain(work, rounds, sender, on: connection)
    }

    /// Notes what comes of the sends under way, and lets others have the endpoints.
    private func drain(
        _ left: DeliveryDesk.Work, _ rounds: DeliveryRounds, _ sender: any DeliverySender,
        on connection: ReconnectingConnection
    ) {
        let deadline = ContinuousClock.now + configuration.drain
        var work = left
        var isCut = false
        rounds.take(work.ended)
        do {
            try connection.run { try rounds.round(work, sends: false, on: $0) }
            while rounds.underWay > 0 {
                if !isCut, ContinuousClock.now >= deadline {
                    sender.stop()
                    isCut = true
                }
                if isCut, ContinuousClock.now >= deadline + .seconds(1) { break }
                work = desk.ended(within: .milliseconds(100))
                rounds.take(work.ended)
                try connection.run { try rounds.round(work, sends: false, on: $0) }
            }
            try connection.run { try rounds.release(on: $0) }
        } catch {
            // The leases lapse, and what was accepted meanwhile is sent again.
            logger.warning("webhook outcomes not stored", metadata: ["error": "\(error)"])
        }
        if !isCut { sender.stop() }
    }
}
