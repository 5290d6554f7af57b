import Foundation
import TestServers
import TestShop
import Testing

/// `orderflow topics` on a broker with a few records.
@Suite(.servers) struct TopicsTests {
    @Test func aTopicIsDescribed() throws {
        let shop = try Shop(settings: ["ORDERFLOW_TOPICS_PARTITIONS": "3"])
        for number in 0..<7 { try shop.produce("{}", key: "k\(number)", to: "user-events") }
        let text = try shop.run("topics", "describe", "user-events", "--json")
        let topic = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(topic["topic"] as? String == "user-events")
        #expect(topic["records"] as? Int == 7)
        let partitions = try #require(topic["partitions"] as? [[String: Any]])
        #expect(partitions.compactMap { $0["partition"] as? Int } == [0, 1, 2])
        #expect(partitions.compactMap { $0["next"] as? Int }.reduce(0, +) == 7)
        #expect(partitions.allSatisfy { $0["oldest"] as? Int == 0 && $0["leader"] as? Int ?? -1 >= 0 })
        let settings = try #require(topic["settings"] as? [String: String])
        #expect(settings["retention.ms"] == "-1")

        let page = try shop.run("topics", "describe", "user-events")
        #expect(page.hasPrefix("user-events: 3 partitions, 7 records\n"))
        let shown = page.split(separator: "\n").filter { $0.hasPrefix("retention") || $0.hasPrefix("segment") }
        #expect(
            shown.map { $0.split(separator: " ").map(String.init) } == [
                ["retention.bytes", "-1", "topic"], ["retention.ms", "-1", "topic"],
            ])
        // Without a name: all of orderflow's.
        #expect(try shop.run("topics", "describe", "--json").split(separator: "\n").count > 5)
        let error = try #require(throws: CommandFailed.self) { try shop.run("topics", "describe", "nothing") }
        #expect(error.output.contains("there is no topic nothing at"))
        #expect(error.output.split(separator: "\n").count == 1)
    }
}
