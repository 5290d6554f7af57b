import Messaging
import Orders
import Postgres

/// A copy of what other services say, in a table of this one's (event-carried state transfer): what a service has to know
/// of others it reads in its own database, and asks nobody.
///
///     extension Replica {
///         static let buyers = Replica(
///             "buyers", of: .userEvents, key: ["user_id"],
///             parts: [
///                 ReplicaPart("said", from: UserCreated.self, by: { [$0.userID] }, columns: [
///                     .text("name") { $0.name }, .text("email") { $0.email },
///                 ])
///             ])
///     }
///
/// From the declaration follow the table (`table`, in a migration of the service's), the consumer group that keeps it
/// (`Replicates`), `replay --into buyers`, and the comparison with what was said, by the monitor and by
/// `status --verify`. Row policies keep tenants apart, as in every table with a column `tenant`.
///
/// Facts may come twice, and in any order across partitions: what the table says once all have come is the same. It is
/// behind what it copies, by as long as a fact takes to come.
///
/// A removed row stays, with its columns null. Readers leave out rows in which a column is null that no row says null of.
public struct Replica: Sendable {
    /// Which of the facts about a row counts.
    public enum Rule: Sendable, Hashable {
        /// The one that was said last, by the time in the fact; of two of one time the one whose id is greater. A part's
        /// columns `<part>_at` and `<part>_message` say which that was.
        case latest
        /// The one that comes first, and a removal for ever: for what never changes, as what an order was placed with.
        /// Such a replica has one part and no further columns. Facts of one row need one record key, so that which of
        /// them comes first is the same each time.
        ///
        /// - Parameter awaitedBy: a text column that is empty in rows of which nothing was said yet: the service puts
        ///   them there itself, where something has to wait for a row to come. Nil where it doesn't.
        case first(awaitedBy: String? = nil)
    }

    /// As `replay --into` calls it: lower-case letters, digits and `_`.
    public let name: String
    /// Where it is kept.
    public let table: String
    /// What it is copied from, express lanes besides.
    public let topics: [Topic]
    /// Texts, behind the tenant the table's primary key.
    public let key: [String]
    public let rule: Rule
    let parts: [ReplicaPart]
    /// All that it listens to.
    package let facts: FactCatalogue
    let statements: ReplicaStatements

    /// A name that isn't one, a column that is there twice, or two parts of a replica that keeps what comes first are
    /// mistakes in the program, and trap.
    ///
    /// - Parameter table: nil is called as the replica.
    public init(
        _ name: String, table: String? = nil, of topics: Topic..., key: [String], keeps rule: Rule = .latest,
        parts: [ReplicaPart]
    ) {
        self.name = name
        self.table = table ?? name
        self.topics = topics
        self.key = key
        self.rule = rule
        self.parts = parts
        do {
            facts = try FactCatalogue(parts.flatMap(\.facts))
        } catch {
            preconditionFailure("replica \(name): \(error)")
        }
        statements = ReplicaStatements(self.table, key: key, rule, parts)
        let columns = ["tenant"] + key + statements.columns.map(\.name)
        precondition(!key.isEmpty && !parts.isEmpty, "replica \(name) has no key, or no columns")
        precondition(rule == .latest || parts.count == 1, "replica \(name) keeps what comes first of several parts")
        precondition(Set(columns).count == columns.count, "replica \(name) has a column twice")
        precondition(
            ([name, self.table] + columns).allSatisfy(Self.isPlain), "replica \(name) has a name that needs quotes")
    }

    /// A name that SQL takes as it is.
    private static func isPlain(_ name: String) -> Bool {
        name.utf8.first.map { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 } == true && name.utf8.count <= 40
            && name.utf8.allSatisfy {
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
                    || $0 == UInt8(ascii: "_")
            }
    }

    /// Makes the table, with the columns of the declaration's first version: for a migration of the service's.
    public var definition: String { statements.definition }

    /// Adds the columns that a later version of the declaration has: for a migration behind those before. They are null
    /// until a fact fills them: `replay --into` does so for what was said before.
    public func columns(since version: Int) -> String { statements.addition(since: version) }

    /// As `replay --into` makes it anew.
    ///
    /// - Parameters:
    ///   - group: that keeps the live one.
    ///   - migrations: of the service's database.
    ///   - known: all facts of the installation.
    package func readModel(
        keptBy group: String, migrations: [Migration], _ names: Topics, _ known: FactCatalogue
    ) -> ReadModel {
        ReadModel(
            name: name, group: group, topics: topics.flatMap { names.all(of: $0) }, tables: [table],
            reader: RecordReader(types: facts.types, content: known.door), migrations: migrations,
            leavingOut: statements.awaited, fold: { [self] _ in ReplicaFold(self) })
    }

    /// Columns that facts alone decide.
    package var judgedColumns: [String] {
        statements.columns.filter(\.isAlwaysJudged).map(\.name)
    }
}
