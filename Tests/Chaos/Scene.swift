import Execution
import Foundation
import Synchronization
import TestServers
import TestShop

/// The shop of a campaign: two daemons of each role on one PostgreSQL, reached through a proxy, and one broker.
final class Scene: Sendable {
    /// In choreography, the saga role only keeps track.
    static let roles = ["api", "shipping", "notification", "projection", "payment", "inventory", "saga", "webhooks"]

    let seed: UInt64
    let mode: String
    let shop: Shop
    let proxy: Proxy
    let daemons: [Daemon]
    let foreign: ForeignProducer
    /// Who is told by webhooks.
    let receiver: Receiver
    private let isVerbose: Bool
    private let starting = Mutex(())
    private let inHand = Mutex<Set<String>>([])
    private let fallen = Mutex<[String]>([])
    private let started = ContinuousClock.now

    var apis: [Daemon] { daemons.filter { $0.role == "api" } }

    private let relays: RelayChoice

    /// Of each article but the one that is sold out.
    static let initialStock = 1_000_000

    init(seed: UInt64, mode: String, relays: RelayChoice, isVerbose: Bool, _ dice: inout Dice) throws {
        self.seed = seed
        self.mode = mode
        self.isVerbose = isVerbose
        self.relays = relays
        let shop = try Shop(
            settings: RouteReckoning.setting.merging([
                "ORDERFLOW_SAGA_MODE": mode, "ORDERFLOW_RELAY_SOURCE": relays.installed,
            ]) { $1 })
        self.shop = shop
        proxy = try Proxy(to: shop.postgres.port)
        foreign = ForeignProducer(shop)
        receiver = try Receiver(&dice)
        let patient = Bool.random(using: &dice)
        let settings = [
            "ORDERFLOW_DATABASE_URL": Shop.databaseURL(port: proxy.port),
            // Half of the campaigns give participants so little time that successes come too late.
            "ORDERFLOW_SAGA_STOCK_DEADLINE": patient ? "120s" : "6s",
            "ORDERFLOW_SAGA_PAYMENT_DEADLINE": patient ? "120s" : "8s",
            "ORDERFLOW_SAGA_SHIPMENT_DEADLINE": patient ? "120s" : "10s",
            "ORDERFLOW_SAGA_ANSWER_WITHIN": "3s",
            // The receiver fails so often that long pauses would be all that is seen.
            "ORDERFLOW_WEBHOOKS_ALLOW_NETWORKS": "127.0.0.0/8", "ORDERFLOW_WEBHOOKS_ALLOW_HTTP": "on",
            "ORDERFLOW_WEBHOOKS_TIMEOUT": "2s", "ORDERFLOW_WEBHOOKS_RETRY_BASE": "200ms",
            "ORDERFLOW_WEBHOOKS_RETRY_CAP": "2s",
        ]
        daemons = try Self.roles.flatMap { role in
            try [1, 2].map { instance in
                let source = ["ORDERFLOW_RELAY_SOURCE": relays.source(&dice)]
                return try shop.daemon(role, instance: instance, settings: settings.merging(source) { $1 })
            }
        }
        for article in 1...OrderKind.articles {
            try shop.run("stock", "set", "STOCK-\(article)", "\(Self.initialStock)")
        }
        try shop.run("stock", "set", OrderKind.soldOutSKU, "0")
        for article in 1...QuoteWishes.quietArticles {
            try shop.run(
                "stock", "set", "STOCK-\(article)", "\(QuoteWishes.quietStock)", "--tenant", QuoteWishes.quietTenant)
        }
    }

    func start() async throws {
        for daemon in daemons { try daemon.start() }
        for daemon in daemons { try await daemon.waitUntilReady(within: .seconds(90)) }
    }

    /// Has the receiver told, before there is anything to tell.
    func subscribe() async throws -> [Subscription] {
        guard let daemon = daemons.first(where: { $0.role == "webhooks" }) else { return [] }
        var subscriptions: [Subscription] = []
        for (path, types) in Subscription.wanted {
            subscriptions.append(try await Subscription(path, types, at: receiver, by: daemon))
        }
        return subscriptions
    }

    func start(_ daemon: Daemon) throws { try starting.withLock { _ in try daemon.start() } }

    func whileNobodyStarts(_ body: () throws -> Void) rethrows { try starting.withLock { _ in try body() } }

    /// While a fault has `daemon` in hand, the supervisor leaves it alone.
    func handling(_ daemon: Daemon, _ body: () throws -> Void) rethrows {
        inHand.withLock { _ = $0.insert("\(daemon)") }
        defer { inHand.withLock { _ = $0.remove("\(daemon)") } }
        try body()
    }

    /// Starts daemons that have ended by themselves again, as their supervisor would, until `stop`.
    func supervise(until stop: StopSignal) {
        while !stop.wait(for: .seconds(1)) {
            for daemon in daemons where !daemon.isRunning {
                guard !inHand.withLock({ $0.contains("\(daemon)") }) else { continue }
                let last = daemon.log.split(separator: "\n").suffix(3).joined(separator: "\n")
                say("\(daemon) has ended by itself: \(last)")
                fallen.withLock { $0.append("\(daemon): \(last)") }
                try? start(daemon)
            }
        }
    }

    /// Ends about that share of the shop's sessions in whatever they do, and drops slots that nobody reads for it.
    func terminateSessions(share: Double) throws {
        _ = try shop.postgres.query(
            """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname LIKE 'orderflow%' AND random() < \(share)
            """)
        guard relays != .windows else { return }
        // A relay may be back before it is dropped, and then keeps it.
        _ = try? shop.postgres.query(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active AND random() < \(share)"
        )
    }

    /// As if the clock had jumped ahead for about that share of the open sagas.
    func passDeadlines(share: Double) throws {
        _ = try shop.query(
            """
            UPDATE saga_instances SET due_at = now() - interval '1 hour',
                state = regexp_replace(state::text, '"dueAt":[0-9]+', '"dueAt":1', 'g')::json
            WHERE due_at IS NOT NULL AND random() < \(share)
            """, in: "saga")
    }

    /// For every transaction from now on.
    func setReadOnly(_ isReadOnly: Bool) throws {
        try shop.postgres.execute("ALTER SYSTEM SET default_transaction_read_only = \(isReadOnly ? "on" : "off")")
        try shop.postgres.execute("SELECT pg_reload_conf()")
    }

    /// Daemons that ended by themselves, with their last words.
    var falls: [String] { fallen.withLock { $0 } }

    func stop() {
        for daemon in daemons { daemon.stop() }
        receiver.vanish()
        proxy.close()
        shop.broker.stop()
        shop.postgres.stop()
    }

    /// What goes on, for who watches.
    func say(_ text: String) {
        guard isVerbose else { return }
        let time = started.duration(to: .now) / .seconds(1)
        FileHandle.standardError.write(Data(String(format: "%7.1f  %@\n", time, text).utf8))
    }
}
