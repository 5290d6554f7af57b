import Execution
import Kafka
import Logging

/// The topic on which one process reads the answers to what it asks: one partition, kept for minutes, deleted when the
/// process ends. What a killed process leaves behind is deleted by another one of its service, by its age: a process that
/// lives says so on its own topic again and again.
package struct ReplyTopic: Sendable {
    /// What every reply topic's name begins with. Responders answer to nowhere else, so that nobody can have them write
    /// among facts.
    package static let prefix = "replies."

    package let name: String
    private let family: String
    let replication: Int

    /// How long the brokers keep answers; nobody waits as long.
    static let retention: Duration = .seconds(600)
    /// How often a process says that it lives.
    static let presenceInterval: Duration = .seconds(60)
    /// A topic on which nobody has said so for this long has no reader any more.
    static let abandonedAfter: Duration = .seconds(900)
    private static let longestName = 249

    /// - Parameters:
    ///   - service: whose process it is.
    ///   - instance: the process's name among those of its service; its successor under the same name has the same topic.
    init(service: String, instance: String, replication: Int) {
        family = Self.family(of: service)
        let legal = instance.unicodeScalars.map { scalar in
            let isLegal = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return isLegal || "._-".unicodeScalars.contains(scalar) ? Character(scalar) : "-"
        }
        name = String((family + String(legal)).prefix(Self.longestName))
        self.replication = replication
    }

    /// What the names of all reply topics of a service begin with.
    package static func family(of service: String) -> String { prefix + service + "." }

    /// Makes it where it is missing, and returns what it holds.
    func open(_ admin: Admin) throws -> Watermarks {
        let milliseconds = String(Int64(Self.retention / .milliseconds(1)))
        try admin.createTopics([
            NewTopic(
                name, partitions: 1, replication: replication,
                configuration: ["retention.ms": milliseconds, "cleanup.policy": "delete"])
        ])
        return try admin.watermarks(place)
    }

    var place: TopicPartition { TopicPartition(topic: name, partition: 0) }

    func delete(_ admin: Admin) throws { try admin.deleteTopics([name]) }

    /// The topics of this service's other processes on which nobody has said for long that it lives.
    ///
    /// One whose reader has made it this very moment, and not said anything yet, may be among them: who deletes looks
    /// twice.
    func abandoned(_ admin: Admin, at now: Int64 = WallClock.nowMicroseconds()) throws -> [String] {
        let others = try admin.topics().filter { $0.name.hasPrefix(family) && $0.name != name }
        guard !others.isEmpty else { return [] }
        let since = now / 1_000 - Int64(Self.abandonedAfter / .milliseconds(1))
        let alive = try admin.offsets(notBefore: since, of: others.flatMap(\.places))
        return others.filter { topic in !topic.places.contains { alive[$0] != nil } }.map(\.name)
    }

    /// That the process reads this topic. Read by itself: from then on no answer can be missed.
    func presence(_ mark: String) -> OutgoingMessage {
        OutgoingMessage(
            topic: name, key: Array("presence".utf8), value: [],
            headers: [KafkaHeader(RequestHeader.presence, Array(mark.utf8))])
    }
}
