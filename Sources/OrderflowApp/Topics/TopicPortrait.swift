import JSON
import Kafka
import Terminal

/// What can't be said of a topic, in one line.
struct TopicError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// All there is to say of one topic.
struct TopicPortrait: Sendable {
    struct Partition: Sendable {
        let description: TopicDescription.Partition
        /// Nil while the partition has no leader to ask.
        let marks: Watermarks?

        var records: Int64? { marks.map { $0.high - $0.low } }
    }

    let name: String
    let partitions: [Partition]
    /// Nil where the brokers don't say.
    let settings: [TopicSetting]?

    /// What decides whether a record is kept, besides what was set for the topic.
    private static let decisive: Set<String> = [
        "cleanup.policy", "max.message.bytes", "min.insync.replicas", "retention.bytes", "retention.ms",
        "unclean.leader.election.enable",
    ]

    init(_ topic: TopicDescription, admin: Admin) throws {
        name = topic.name
        partitions = try topic.partitions.map { partition in
            let place = TopicPartition(topic: topic.name, partition: partition.id)
            return Partition(
                description: partition, marks: partition.leader < 0 ? nil : try admin.watermarks(place))
        }
        do {
            settings = try admin.settings(ofTopic: topic.name)
        } catch let error as KafkaError where error.isUnsupported {
            settings = nil
        }
    }

    /// Of the partitions that can be asked.
    var records: Int64 { partitions.reduce(0) { $0 + ($1.records ?? 0) } }

    func page(allSettings: Bool) -> TerminalText {
        var page: TerminalText = "\(name): \(partitions.count) partitions, \(records) records\n\n"
        page += TextTable.write(
            [["PARTITION", "LEADER", "COPIES", "IN SYNC", "OLDEST", "NEXT", "RECORDS"]]
                + partitions.map { partition in
                    let place = partition.description
                    return [
                        "\(place.id)", "\(place.leader)", "\(place.replicas)", "\(place.inSync)",
                        partition.marks.map { "\($0.low)" } ?? "?", partition.marks.map { "\($0.high)" } ?? "?",
                        partition.records.map { "\($0)" } ?? "?",
                    ]
                })
        guard let settings else { return page + "\nthe brokers don't tell its settings\n" }
        let shown = settings.filter { allSettings || $0.origin == .topic || Self.decisive.contains($0.name) }
        guard !shown.isEmpty else { return page }
        return page + "\n"
            + TextTable.write(
                [["SETTING", "VALUE", "FROM"]] + shown.map { [$0.name, $0.value ?? "(secret)", $0.origin.rawValue] })
    }

    var json: TerminalText {
        var json = JSONWriter(capacity: 2048)
        json.object { json in
            json.field("topic", name)
            json.field("records", records)
            json.key("partitions")
            json.array { json in
                for partition in partitions {
                    json.object { json in
                        json.field("partition", Int64(partition.description.id))
                        json.field("leader", Int64(partition.description.leader))
                        json.field("copies", partition.description.replicas)
                        json.field("inSync", partition.description.inSync)
                        guard let marks = partition.marks else { return }
                        json.field("oldest", marks.low)
                        json.field("next", marks.high)
                        json.field("records", marks.high - marks.low)
                    }
                }
            }
            guard let settings else { return }
            json.key("settings")
            json.object { json in
                for setting in settings {
                    guard let value = setting.value else { continue }
                    json.key(dynamic: setting.name)
                    json.value(value)
                }
            }
        }
        return TerminalText(json: json.bytes)
    }
}
