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
    /// An empty fold with room for so many messages.
    let fold: @Sendable (_ capacity: Int) -> any HistoryFold

    public init(
        name: String, group: String, topics: [String], tables: [String], reader: RecordReader,
        migrations: [Migration], channel: String? = nil, fold: @escaping @Sendable (_ capacity: Int) -> any HistoryFold
    ) {
        self.name = name
        self.group = group
        self.topics = topics
        self.tables = tables
        self.reader = reader
        self.migrations = migrations
        self.channel = channel
        self.fold = fold
    }

    /// The same model, kept by its group from other topics.
    package func reading(_ topics: [String]) -> ReadModel {
        ReadModel(
            name: name, group: group, topics: topics, tables: tables, reader: reader, migrations: migrations,
            channel: channel, fold: fold)
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
