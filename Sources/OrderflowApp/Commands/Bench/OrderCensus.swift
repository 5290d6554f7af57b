import Execution
import Kafka
import Logging
import OrderflowKit
import Postgres

/// Counts the orders that a run has brought: in the event store exactly, on the topic until they are all there.
struct OrderCensus {
    struct Count: Sendable {
        /// `OrderCreated` events that were appended since the census began.
        var stored: Int
        /// Records that the topic got since, facts of the other services included.
        var published: Int
        /// How long after the last answer the relay was through; nil when it wasn't within a minute.
        var relayDelay: Duration?
    }

    private let connection: Connection
    private let admin: Admin
    private let topic: String
    private let lastPosition: Int64
    private let recordsBefore: Int64

    init(_ settings: Settings) throws {
        connection = try Connection(settings.database(of: .orders), logger: Logger(label: "bench"))
        admin = try Admin(settings.kafka.configuration, logger: Logger(label: "bench"))
        topic = settings.topics.names.orderEvents
        lastPosition = try connection.query("SELECT coalesce(max(position), 0) FROM events")[0].get(0, as: Int64.self)
        recordsBefore = try Self.records(of: topic, admin)
    }

    /// - Parameter created: how many 201s were answered.
    func count(expecting created: Int) throws -> Count {
        let started = ContinuousClock.now
        // Each order's first event is on the topic as soon as the topic has grown by as many records; when other
        // services publish too, this is the earliest that it can be.
        var published = Int64(0)
        var delay: Duration?
        while started.duration(to: .now) < .seconds(60) {
            published = try Self.records(of: topic, admin) - recordsBefore
            if published >= Int64(created) {
                delay = started.duration(to: .now)
                break
            }
            StopSignal().wait(for: .milliseconds(2))
        }
        let stored = try connection.query(
            "SELECT count(*) FROM events WHERE position > $1 AND type = 'OrderCreated' AND category = 'order'",
            [.int8(lastPosition)])[0].get(0, as: Int64.self)
        return Count(stored: Int(stored), published: Int(published), relayDelay: delay)
    }

    private static func records(of topic: String, _ admin: Admin) throws -> Int64 {
        try admin.topics(named: topic).flatMap(\.places).reduce(into: 0) { sum, partition in
            sum += try admin.watermarks(partition).high
        }
    }
}
