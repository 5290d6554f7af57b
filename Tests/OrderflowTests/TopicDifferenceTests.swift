import Execution
import Foundation
import Kafka
import Logging
import TestServers
import Testing

@testable import Operations
@testable import OrderflowApp
@testable import OrderflowKit

/// Topics that somebody else has made.
@Suite(.blocking) struct TopicDifferenceTests {
    private let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    private static let good = [
        "retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete", "max.message.bytes": "1048588",
        "min.insync.replicas": "2",
    ]

    private func differences(
        partitions: Int = 6, copies: Int = 3, _ change: [String: String] = [:], told: Bool = true
    ) -> [TopicDifference] {
        let found = TopicDescription(
            name: "t",
            partitions: (0..<partitions).map { .init(id: Int32($0), leader: 1, replicas: copies, inSync: copies) })
        let settings = Self.good.merging(change) { $1 }.map {
            TopicSetting(name: $0.key, value: $0.value, origin: .default)
        }
        let wanted = NewTopic(
            "t", partitions: 6, replication: 3,
            configuration: ["retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"])
        return TopicDifference.all(found, told ? settings : nil, wanted: wanted)
    }

    @Test func eachDifferenceIsFoundAndWhatLosesRecordsIsMended() throws {
        #expect(differences().isEmpty)
        for (name, value, wanted) in [
            ("retention.ms", "604800000", "-1"), ("retention.bytes", "1073741824", "-1"),
            ("cleanup.policy", "compact", "delete"), ("cleanup.policy", "compact,delete", "delete"),
            ("max.message.bytes", "1000000", "1048588"),
        ] {
            let found = differences([name: value])
            #expect(found.count == 1 && found[0].losesRecords)
            let mending = try #require(found.first?.mending)
            #expect(mending == (name, wanted))
        }
        for (partitions, copies, setting) in [(1, 3, "2"), (12, 3, "2"), (6, 1, "1"), (6, 3, "1")] {
            let found = differences(partitions: partitions, copies: copies, ["min.insync.replicas": setting])
            #expect(found.count == 1 && !found[0].losesRecords && found[0].mending == nil, "\(found)")
        }
        // More than is needed is an operator's choice; and brokers that tell nothing are believed nothing.
        #expect(differences(["max.message.bytes": "9999999"]).isEmpty)
        #expect(differences(["retention.ms": "1"], told: false).isEmpty)
        #expect("\(differences(partitions: 1)[0])".contains("t has 1 partitions, topics.partitions is 6"))
    }

    @Test(.servers) func aTopicThatBrokersMadeByThemselvesIsMendedAndTheRestIsTold() throws {
        let kafka = KafkaConfiguration(
            bootstrapServers: try KafkaBroker.shared.get().bootstrapServers, isDevBroker: true)
        let admin = try Admin(kafka, logger: quiet)
        let prefix = "made-\(UUID().uuidString)"
        var settings = Settings(OrderflowApp.services)
        settings.kafka.brokers = kafka.bootstrapServers
        settings.topics.names[.orderEvents] = "\(prefix)-orders"
        settings.topics.names[.userEvents] = "\(prefix)-users"
        settings.topics.names.logs = "\(prefix)-logs"
        let orders = settings.topics.names.orderEvents
        try admin.createTopics([
            NewTopic(
                orders, partitions: 1, replication: 1,
                configuration: ["retention.ms": "604800000", "segment.bytes": "1048576"])
        ])
        let result = try TopicProvisioner(settings: settings, logger: quiet).run()
        #expect(result.failed.isEmpty)
        #expect(result.mended.contains { "\($0)" == "\(orders) has retention.ms 604800000 where it needs -1" })
        #expect(result.left.contains { "\($0)".hasPrefix("\(orders) has 1 partitions, topics.partitions is 6") })
        #expect(result.made.contains("\(prefix)-users") && !result.made.contains(orders))
        let values = Dictionary(
            uniqueKeysWithValues: try admin.settings(ofTopic: orders).map { ($0.name, $0.value ?? "") })
        #expect(values["retention.ms"] == "-1" && values["retention.bytes"] == "-1")
        // Somebody's own setting is still there.
        #expect(values["segment.bytes"] == "1048576")
        let again = try TopicProvisioner(settings: settings, logger: quiet).run()
        #expect(again.made.isEmpty && again.mended.isEmpty && again.left == result.left)
    }

    /// Every group, in either mode of the saga: one partition of one of its topics that nobody holds is seen.
    @Test(arguments: FulfilmentMode.allCases)
    func aPartitionWithoutAnOwnerIsSeenInEveryGroup(_ mode: FulfilmentMode) {
        for (group, topics) in OrderflowApp.services.subscriptions(in: mode, Topics()) {
            let partitions = topics.sorted().flatMap { topic in
                (0..<6).map { TopicPartition(topic: topic, partition: $0) }
            }
            for missing in partitions {
                let members = (0..<2).map { number in
                    GroupDescription.Member(
                        id: "\(number)", instanceID: nil, clientID: "", host: "",
                        partitions: partitions.filter { $0 != missing && Int($0.partition) % 2 == number })
                }
                let description = GroupDescription(name: group, state: "Stable", members: members)
                #expect(description.ownerless(of: Set(partitions)) == [missing])
                let row = GroupsText.Row(
                    group: description,
                    positions: partitions.map {
                        GroupPosition(partition: $0, next: nil, marks: Watermarks(low: 0, high: 0))
                    })
                #expect(GroupsText.table([row]).text.contains(missing.description))
                #expect(GroupsText.json([row]).text.contains(#""withoutOwner":["\#(missing)"]"#))
                var report = StatusReport()
                report.groups = [.init(group: group, lag: 0, dead: 0, parked: 0, ownerless: [missing])]
                #expect(StatusText.page(report).text.contains("\(group): partitions without an owner: \(missing)\n"))
            }
        }
    }
}
