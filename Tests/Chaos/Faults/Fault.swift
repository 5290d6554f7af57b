/// What is done to the shop.
enum Fault: String, CaseIterable, Sendable {
    /// `kill -9` of a daemon, which comes back a moment later.
    case daemonKill = "daemon-kill"
    /// SIGSTOP of a daemon for longer than its group waits for it, then SIGCONT.
    case daemonFreeze = "daemon-freeze"
    /// SIGTERM of a daemon, which has to end cleanly.
    case daemonDrain = "daemon-drain"
    /// `kill -9` of PostgreSQL with all its sessions.
    case postgresKill = "postgres-kill"
    /// pg_terminate_backend of some sessions.
    case sessionKill = "session-kill"
    /// The broker goes, with its data saved, and comes back.
    case brokerKill = "broker-kill"
    /// The broker's connections stay open, and nobody answers.
    case brokerFreeze = "broker-freeze"
    /// Connections to PostgreSQL are cut.
    case networkCut = "network-cut"
    /// Everything between daemons and PostgreSQL takes longer.
    case networkDelay = "network-delay"
    /// Connections to PostgreSQL stay open, and nothing comes through.
    case networkStall = "network-stall"
    /// Connections between daemons and the broker are reset, by the kernel; only where this may be asked of it.
    case kafkaCut = "kafka-cut"
    /// Every session that PostgreSQL has to give away is somebody else's, and some of ours end.
    case connectionFlood = "connection-flood"
    /// PostgreSQL refuses every write, as a standby would, or a server that ran out of disk.
    case readOnly = "read-only"
    /// No mail can be delivered.
    case mailDown = "mail-down"
    /// Nobody listens where webhooks are sent to.
    case receiverDown = "receiver-down"
    /// Whoever is told by webhooks takes what comes, and answers nobody.
    case receiverSilent = "receiver-silent"
    /// For some sagas the time of every deadline has passed, all at once.
    case clockJump = "clock-jump"
    /// A foreign producer puts a record on its topic once more.
    case duplicate
    /// A foreign producer sends what nobody can handle.
    case poison
    /// A foreign producer sends what is no event, a tombstone for instance, on the key of an order.
    case nothing
    /// A foreign producer announces an order of its own, as strangers do.
    case foreignOrder = "foreign-order"

    /// Faults that must not overlap with others of their lane.
    enum Lane: CaseIterable { case daemons, servers, receivers, producers }

    var lane: Lane {
        switch self {
        case .daemonKill, .daemonFreeze, .daemonDrain: .daemons
        case .postgresKill, .sessionKill, .brokerKill, .brokerFreeze, .networkCut, .networkDelay, .networkStall,
            .kafkaCut, .connectionFlood, .readOnly, .mailDown, .clockJump:
            .servers
        case .receiverDown, .receiverSilent: .receivers
        case .duplicate, .poison, .nothing, .foreignOrder: .producers
        }
    }

    var weight: Int {
        switch self {
        case .daemonKill: 6
        case .daemonFreeze, .daemonDrain: 2
        case .receiverDown, .receiverSilent: 1
        case .clockJump, .connectionFlood, .readOnly, .mailDown: 1
        case .sessionKill, .networkCut, .kafkaCut: 4
        case .postgresKill, .brokerKill, .networkDelay: 2
        case .brokerFreeze, .networkStall: 1
        case .duplicate, .foreignOrder: 4
        case .poison, .nothing: 2
        }
    }
}
