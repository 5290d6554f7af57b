import Execution
import Logging
import Messaging
import OrderflowKit
import Postgres

/// One replica that the consistency monitor compares with the event store: what it knows of it from round to round.
struct WatchedReplica: Sendable {
    struct Status: Sendable {
        /// Streams of the event store that the replica hasn't got as it should, and what is wrong.
        var differing: [ReplicaCheck.StreamName: String] = [:]
        var compared: Int64 = 0
    }

    /// `notification: contacts`.
    let name: String
    let check: ReplicaCheck
    /// Where the replica is.
    let database: PostgresConfiguration
    /// Of its group; nil where all facts are known to have been handled.
    var progress: ReadingProgress?
    private(set) var status = Status()
    /// Where the sweep is, by the event store's positions.
    private var position: Int64 = 0
    /// The last round's, so that it is told once.
    private var failure: String?

    /// Events of the sweep in each round for each order that the read models are compared by: what an order's stream has,
    /// about.
    private static let eventsOfAnOrder = 4
    /// Differing streams that are remembered, and looked at again in each round.
    private static let memory = 1_000

    init(_ name: String, _ check: ReplicaCheck, database: PostgresConfiguration, after progress: ReadingProgress?) {
        self.name = name
        self.check = check
        self.database = database
        self.progress = progress
    }

    /// All replicas of the installation whose facts come from the event store of `store`. What others say has no owner's
    /// tables to be held against: `status --verify` reads the topics.
    static func all(of store: ServiceModule, _ context: ServiceContext) throws -> [WatchedReplica] {
        var watched: [WatchedReplica] = []
        for (kept, module, database) in context.settings.services.replicas {
            let own = try ServiceContext(lookingAt: module, context.settings, logger: context.logger)
            let replica = try kept.make(own)
            let categories = store.eventStore.filter { replica.topics.contains($0.value) }.keys
            guard !categories.isEmpty else { continue }
            let group = kept.group(in: module)
            watched.append(
                WatchedReplica(
                    "\(module.name): \(kept.name)",
                    ReplicaCheck(replica: replica, group: group, categories: Set(categories)),
                    database: try context.database(of: database),
                    after: ReadingProgress(
                        of: [group], topics: Set(replica.topics.flatMap { context.topics.all(of: $0) }),
                        kafka: context.kafka, logger: context.logger)))
        }
        return watched
    }

    /// Compares what the next events of a sweep over all are about, and what differed before. A database that is away is told of
    /// once, and holds nobody up.
    ///
    /// - Parameter session: of the replica's database, for the next round: making one costs more than the round. None after a
    ///   failure.
    mutating func round(
        sweep: Int, settledBefore: Int64, orders: Connection, session: inout Connection?, logger: Logger
    ) {
        do {
            let kept = session.flatMap { $0.isAlive() ? $0 : nil }
            let connection = try kept ?? Connection(database, logger: logger)
            session = connection
            try compare(sweep, settledBefore, orders, connection, logger)
            failure = nil
        } catch {
            session?.close()
            session = nil
            if failure != "\(error)" {
                logger.warning("replica not compared", metadata: ["replica": "\(name)", "error": "\(error)"])
            }
            failure = "\(error)"
        }
    }

    private mutating func compare(
        _ sweep: Int, _ settledBefore: Int64, _ orders: Connection, _ connection: Connection, _ logger: Logger
    ) throws {
        let limit = sweep * Self.eventsOfAnOrder
        let next = limit > 0 ? try check.streams(after: position, limit: limit, on: orders) : (streams: [], last: nil)
        let known = status.differing
        let (compared, found) = try check.differences(
            of: next.streams.union(known.keys).sorted(), settledBefore: settledBefore, orders: orders,
            replica: connection)
        var differing = found
        // What lies unread in a backlog isn't missing.
        if found.keys.contains(where: { known[$0] == nil }),
            let progress, !progress.isKnownToHaveHandled(before: settledBefore, on: connection)
        {
            differing = found.filter { known[$0.key] != nil }
        }
        position = next.last ?? 0
        tell(differing, known, logger)
        status.compared += Int64(compared)
        status.differing = Dictionary(
            uniqueKeysWithValues: differing.sorted { $0.key < $1.key }.prefix(Self.memory).map { ($0, $1) })
    }

    /// New ones, a few of them, and what is well again.
    private func tell(
        _ differing: [ReplicaCheck.StreamName: String], _ known: [ReplicaCheck.StreamName: String], _ logger: Logger
    ) {
        for (stream, text) in differing.sorted(by: { $0.key < $1.key }).filter({ known[$0.key] != $0.value }).prefix(10)
        {
            logger.error(
                "replica differs",
                metadata: ["replica": "\(name)", "tenant": "\(stream.tenant)", "difference": "\(text)"])
        }
        for stream in known.keys where differing[stream] == nil {
            logger.info(
                "replica agrees again",
                metadata: ["replica": "\(name)", "tenant": "\(stream.tenant)", "stream": "\(stream.id)"])
        }
    }
}
