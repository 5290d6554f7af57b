import Kafka
import Logging
import Messaging
import OrderflowKit
import Postgres

/// A request about a group that can't be met, in one line.
struct GroupError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Where a group is on one partition.
struct GroupPosition: Hashable, Sendable {
    let partition: TopicPartition
    /// The next offset by PostgreSQL, which is the truth; by Kafka for a group that isn't ours. Nil: never read.
    let next: Int64?
    let marks: Watermarks
    /// The member that has the partition.
    var member: String?

    /// Records that wait; all of them where the group has never read.
    var lag: Int64 { marks.remaining(from: next) }
    /// The partition holds less than the group has read: Kafka has lost records, or the topic was made anew.
    var isBeyondEnd: Bool { (next ?? 0) > marks.high }
}

/// Answers where groups are, from Kafka and the services' databases.
struct GroupSurvey {
    let settings: Settings
    let admin: Admin
    private var marks: [TopicPartition: Watermarks] = [:]
    private var partitions: [String: [TopicPartition]]?

    init(_ settings: Settings) throws {
        self.settings = settings
        admin = try Admin(settings.kafka.configuration, logger: Logger(label: "groups"))
    }

    /// Orderflow's groups in its mode of the saga, sorted.
    var ownGroups: [String] { settings.subscriptions.keys.sorted() }

    /// Throws for a group that isn't one of orderflow's, or not at work.
    func database(of group: String) throws -> ServiceDatabase {
        guard let database = settings.services.database(holding: group) else {
            throw GroupError("\(group) is none of \(ownGroups.joined(separator: ", "))")
        }
        guard ownGroups.contains(group) else {
            throw GroupError("\(group) isn't at work in saga.mode \(settings.mode.rawValue)")
        }
        return database
    }

    /// The partitions that a group reads, and those that it once read if it isn't ours.
    mutating func positions(of group: GroupDescription) throws -> [GroupPosition] {
        var members: [TopicPartition: String] = [:]
        for member in group.members { for partition in member.partitions { members[partition] = member.label } }
        let next: [TopicPartition: Int64]
        var read: Set<TopicPartition>
        if let topics = settings.subscriptions[group.name],
            let database = settings.services.database(holding: group.name)
        {
            next = try storedOffsets(of: group.name, in: database)
            read = []
            for topic in topics { read.formUnion(try partitions(of: topic)) }
        } else {
            next = try admin.committedOffsets(of: group.name)
            read = Set(next.keys).union(members.keys)
        }
        return try read.sorted().map { partition in
            GroupPosition(
                partition: partition, next: next[partition], marks: try watermarks(of: partition),
                member: members[partition])
        }
    }

    private func storedOffsets(of group: String, in database: ServiceDatabase) throws -> [TopicPartition: Int64] {
        do {
            let connection = try Connection(settings.database(of: database))
            defer { connection.close() }
            return try ConsumerProgress.nextOffsets(of: group, on: connection)
        } catch {
            throw GroupError("database of \(database.name): \(error)")
        }
    }

    private mutating func partitions(of topic: String) throws -> [TopicPartition] {
        if partitions == nil {
            partitions = try Dictionary(
                admin.topics().map { ($0.name, $0.places) }, uniquingKeysWith: { first, _ in first })
        }
        return partitions?[topic] ?? []
    }

    private mutating func watermarks(of partition: TopicPartition) throws -> Watermarks {
        if let known = marks[partition] { return known }
        let found = try admin.watermarks(partition)
        marks[partition] = found
        return found
    }
}

extension GroupDescription.Member {
    /// What an operator knows the member by.
    var label: String { "\(instanceID ?? clientID)@\(host.drop { $0 == "/" })" }
}
