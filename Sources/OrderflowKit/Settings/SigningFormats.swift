import Kafka

/// A producer of another team, and what it may say.
package struct ForeignSource: Hashable, Sendable {
    /// `ce_source`.
    package let source: String
    package let types: Set<String>
}

extension SettingFormat where Value == [ForeignSource] {
    static let foreignSources = list(
        expecting: "source=Type/Type such as /fraud-check=FraudCleared/FraudSuspected",
        repeated: .refused("source", by: \.source),
        write: { "\($0.source)=\($0.types.sorted().joined(separator: "/"))" }
    ) { text in
        // A URI's own signs, but for those that separate here; its file's name is made of it.
        guard let match = text.wholeMatch(of: /([A-Za-z0-9\/][A-Za-z0-9\/:._~-]{0,199})=([A-Za-z0-9.\/]+)/) else {
            return nil
        }
        let types = match.2.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard !types.contains(""), !match.1.hasPrefix("/orderflow/") else { return nil }
        return ForeignSource(source: String(match.1), types: Set(types))
    }
}

extension SettingFormat where Value == [TopicPartition: Int64] {
    package static let offsets = SettingFormat(
        expected: places.expected,
        parse: { text in
            places.parse(text).map { Dictionary(uniqueKeysWithValues: $0.map { ($0.partition, $0.offset) }) }
        },
        write: { offsets in
            places.write(offsets.sorted { $0.key < $1.key }.map { Place(partition: $0.key, offset: $0.value) })
        })

    private struct Place {
        let partition: TopicPartition
        let offset: Int64
    }

    private static let places = SettingFormat<[Place]>.list(
        expecting: "topic/partition=offset such as order-events/0=1200",
        repeated: .refused("partition", by: { "\($0.partition)" }), write: { "\($0.partition)=\($0.offset)" }
    ) { text in
        guard let match = text.wholeMatch(of: /([A-Za-z0-9._-]{1,249})\/([0-9]+)=([0-9]+)/),
            let partition = Int32(match.2), let offset = Int64(match.3)
        else { return nil }
        return Place(partition: TopicPartition(topic: String(match.1), partition: partition), offset: offset)
    }
}
