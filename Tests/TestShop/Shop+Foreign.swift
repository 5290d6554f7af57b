import Foundation
import TestServers

extension Shop {
    /// Puts one record on a topic, by a program that isn't ours.
    ///
    /// - Parameter value: without a line's end, which would end the record.
    public func publish(
        _ value: String, key: String? = nil, headers: [String: String] = [:], partition: Int? = nil, to topic: String
    ) throws {
        var command = ["kcat", "-b", broker.bootstrapServers, "-q", "-P", "-t", topic]
        if let key { command += ["-k", key] }
        if let partition { command += ["-p", "\(partition)"] }
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { command += ["-H", "\(name)=\(value)"] }
        // A broker that is away for longer than this is a failed publication.
        command += ["-X", "message.timeout.ms=20000"]
        _ = try Self.run(command, environment: [:], input: value)
    }

    /// The last `back` records of each partition of a topic.
    public func recentRecords(of topic: String, back: Int) throws -> [TopicRecord] {
        let text = try Self.run(
            ["kcat", "-b", broker.bootstrapServers, "-q", "-C", "-t", topic, "-o", "-\(back)", "-e", "-J"],
            environment: [:])
        return try text.split(separator: "\n").map { try TopicRecord(Data($0.utf8)) }
    }

    /// Rows of a service's database, as the superuser sees them.
    public func query(_ sql: String, in service: String) throws -> [[String]] {
        try postgres.query(sql, database: "orderflow_\(service)")
    }
}
