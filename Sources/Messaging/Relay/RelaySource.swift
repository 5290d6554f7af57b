import Postgres

/// A table that a relay publishes from. Both kinds have `position` (order of insertion) and `txid` (the transaction
/// that inserted); the relay reads them alike.
public struct RelaySource: Sendable {
    /// Key of the checkpoint row, and the name in metrics.
    public let name: String
    let table: String
    /// topic-or-category, key, type, schema_version, data, metadata, stream_version, raw, content_type
    let columns: String
    /// Maps the first column to a topic; nil for rows that are not to be published.
    let topic: @Sendable (String) -> String?
    /// Rows below the checkpoint have done their duty and may go.
    let prunable: Bool
    /// Where messages of express orders go instead: express lanes by the topics that they lie beside.
    public var lanes: [String: String] = [:]

    /// What is notified when another process than the leader's has committed rows: that there are some, and no more.
    var channel: String { "orderflow_relay_\(name)" }

    /// Has the relay that leads look for rows once the transaction under way has committed. For who writes them in a
    /// process that has no relay, and seldom: NOTIFY's commits queue up behind each other on the whole server.
    public func announce(on connection: Connection) throws { try connection.notify(channel) }

    /// Its rows of express orders alone.
    var express: RelaySource {
        var express = RelaySource(
            name: name, table: "(SELECT * FROM \(table) WHERE express) lane", columns: columns, topic: topic,
            prunable: false)
        express.lanes = lanes
        return express
    }

    /// A service's `outbox`.
    public static let outbox = RelaySource(
        name: "outbox", table: "outbox",
        columns: "topic, key, type, schema_version, data, metadata, NULL::int, raw, content_type", topic: { $0 },
        prunable: true)

    /// The event store itself: `topics` maps a stream's category to the topic of its facts;
    /// streams of other categories stay inside. A record's key is the stream's id, without the category in front of it
    /// where `EventStore.streamID` has put it.
    public static func eventStore(topics: [String: String]) -> RelaySource {
        RelaySource(
            name: "events", table: "events",
            columns: """
                category, CASE WHEN starts_with(stream_id, category || ':') THEN substr(stream_id, length(category) + 2)
                ELSE stream_id END, type, schema_version, data, metadata, version, raw, content_type
                """,
            topic: { topics[$0] }, prunable: false)
    }
}
