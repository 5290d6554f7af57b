import Foundation
import Kafka
import Logging
import TestServers

extension Shop {
    /// Waits until the group has `members` that share all partitions of `topic` among them, each with one owner.
    public func waitUntilShared(
        _ group: String, members: Int, topic: String = "order-events", within limit: Duration = .seconds(40)
    ) throws {
        let admin = try Admin(
            KafkaConfiguration(bootstrapServers: broker.bootstrapServers, isDevBroker: true),
            logger: Logger(label: "shop"))
        try eventually(within: limit, "\(group) has \(members) members that share \(topic)") {
            guard let description = try admin.describe(groups: [group]).first, description.state == "Stable",
                description.members.count == members
            else { return false }
            let owned = description.members.flatMap(\.partitions).filter { $0.topic == topic }.map(\.partition)
            return try owned.sorted() == admin.topics(named: topic).flatMap { $0.partitions.map(\.id) }
        }
    }
}
