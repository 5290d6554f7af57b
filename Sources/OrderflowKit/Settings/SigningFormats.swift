import Kafka

/// A producer of another team, and what it may say.
package struct ForeignSource: Hashable, Sendable {
    /// `ce_source`.
    package let source: String
    package let types: Set<String>
}

extension SettingFormat where Value == [ForeignSource] {
    static let foreignSources = list(
        expecting: "source=Type/Type such as /fraud-check=FraudCleared/FraudSuspected, more by commas, or empty",
        distinctBy: \.source, write: { "\($0.source)=\($0.types.sorted().joined(separator: "/"))" }
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
        expected: "topic/partition=offset such as order-events/0=1200, more by commas, or empty",
        parse: { text in
            var offsets: [TopicPartition: Int64] = [:]
            for part in text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false) {
                guard let match = part.wholeMatch(of: /([A-Za-z0-9._-]{1,249})\/([0-9]+)=([0-9]+)/),
                    let partition = Int32(match.2), let offset = Int64(match.3)
                else { return nil }
                let place = TopicPartition(topic: String(match.1), partition: partition)
                guard offsets.updateValue(offset, forKey: place) == nil else { return nil }
            }
            return offsets
        },
        write: { offsets in
            offsets.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        })
}
