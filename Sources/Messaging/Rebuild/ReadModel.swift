import Kafka
import Postgres

/// Tables that one consumer group keeps by folding topics, and that can therefore be made again from them.
public struct ReadModel: Sendable {
    public let name: String
    /// The group that keeps the live one.
    public let group: String
    public let topics: [String]
    /// All that the group's handler writes to, as `migrations` make them.
    public let tables: [String]
    /// How the group reads its topics.
    public let reader: RecordReader
    /// Of the whole database.
    public let migrations: [Migration]
    /// Notified when the tables are other ones, for readers that wait for a change.
    public let channel: String?
    /// An SQL condition on rows of the tables that are no part of the model: what waits there for a row to come. They
    /// aren't compared, and an exchange leaves them behind.
    let leftOut: String?
    /// Whether each row is made of the facts of one record key. Then partitions have no rows in common, and what they bring
    /// is written at the same time; sums over many keys would wait for each other.
    let followsKeys: Bool
    /// An empty fold with room for so many messages.
    let fold: @Sendable (_ capacity: Int) -> any HistoryFold

    public init(
        name: String, group: String, topics: [String], tables: [String], reader: RecordReader,
        migrations: [Migration], channel: String? = nil, leavingOut leftOut: String? = nil,
        followsKeys: Bool = false, fold: @escaping @Sendable (_ capacity: Int) -> any HistoryFold
    ) {
        self.name = name
        self.group = group
        self.topics = topics
        self.tables = tables
        self.reader = reader
        self.migrations = migrations
        self.channel = channel
        self.leftOut = leftOut
        self.followsKeys = followsKeys
        self.fold = fold
    }

    /// The schema in which it is made anew, a name that needs no quotes: models may be called by words with dashes between
    /// them, as commands are.
    package var shadow: String { "rebuild_\(name.replacing("-", with: "_"))" }

    /// What of a table is the model's, for a FROM.
    func rows(of table: String) -> String {
        leftOut.map { "(SELECT * FROM \(table) WHERE (\($0)) IS NOT TRUE)" } ?? table
    }

    /// How far the live group is in the model's topics.
    func liveOffsets(on connection: Connection) throws -> [TopicPartition: Int64] {
        try ConsumerProgress.nextOffsets(of: group, on: connection).filter { topics.contains($0.key.topic) }
    }

    /// The same model, kept by its group from other topics.
    package func reading(_ topics: [String]) -> ReadModel {
        ReadModel(
            name: name, group: group, topics: topics, tables: tables, reader: reader, migrations: migrations,
            channel: channel, leavingOut: leftOut, followsKeys: followsKeys, fold: fold)
    }
}

/// Messages on their way into a read model's tables. The live handler and a rebuild use the same one, so that both
/// make the same rows.
public protocol HistoryFold: Sendable {
    /// Takes in one message. Throws for one that can never be handled.
    mutating func add(_ message: InboundMessage) throws(MessageRejected)

    /// Brings all that was added to the tables, inside the open transaction of `connection`. Tables are named without
    /// a schema, and nothing but those of the read model is touched: a rebuild leads the names elsewhere.
    func write(on connection: Connection) throws
}
