import Kafka

/// How a topic is otherwise than it should be.
struct TopicDifference: Hashable, CustomStringConvertible {
    enum Kind: Hashable {
        case missing
        case partitions(Int, wanted: Int)
        case copies(Int, wanted: Int)
        case setting(String, value: String, wanted: String)
        /// Fewer copies than two have to have a record before it is acknowledged.
        case acknowledgedByOne(copies: Int)
    }

    let topic: String
    let kind: Kind

    /// Records that should be kept may go, or can't come in.
    var losesRecords: Bool {
        switch kind {
        case .missing, .setting: true
        case .partitions, .copies, .acknowledgedByOne: false
        }
    }

    /// What `topics create` sets right.
    var mending: (name: String, value: String)? {
        if case .setting(let name, _, let wanted) = kind { (name, wanted) } else { nil }
    }

    var description: String {
        switch kind {
        case .missing: "\(topic) is missing; `orderflow topics create` makes it"
        case .partitions(let count, let wanted) where count < wanted:
            "\(topic) has \(count) partitions, topics.partitions is \(wanted): more members than \(count) have nothing to "
                + "do; adding some would break the order of events per order"
        case .partitions(let count, let wanted): "\(topic) has \(count) partitions, topics.partitions is \(wanted)"
        case .copies(let count, let wanted):
            "\(topic) has \(count) copies of each partition, topics.replication is \(wanted)"
        case .setting(let name, let value, let wanted): "\(topic) has \(name) \(value) where it needs \(wanted)"
        case .acknowledgedByOne(let copies):
            "\(topic) has \(copies) copies and min.insync.replicas 1: what one broker has acknowledged goes with it"
        }
    }
}

extension TopicDifference {
    /// Records up to this size come in; Kafka's own default.
    static let recordBytes: Int64 = 1_048_588

    /// What is otherwise than wanted.
    ///
    /// - Parameter settings: the topic's, all that are in force; nil where the brokers don't tell.
    static func all(_ found: TopicDescription, _ settings: [TopicSetting]?, wanted: NewTopic) -> [TopicDifference] {
        var kinds: [Kind] = []
        if found.partitions.count != wanted.partitions {
            kinds.append(.partitions(found.partitions.count, wanted: wanted.partitions))
        }
        let copies = found.partitions.map(\.replicas).min() ?? 0
        if copies < wanted.replication { kinds.append(.copies(copies, wanted: wanted.replication)) }
        let values = Dictionary(
            (settings ?? []).compactMap { setting in setting.value.map { (setting.name, $0) } },
            uniquingKeysWith: { first, _ in first })
        for (name, value) in wanted.configuration.sorted(by: { $0.key < $1.key }) {
            if let found = values[name], found != value { kinds.append(.setting(name, value: found, wanted: value)) }
        }
        if let limit = values["max.message.bytes"].flatMap({ Int64($0) }), limit < recordBytes {
            kinds.append(.setting("max.message.bytes", value: "\(limit)", wanted: "\(recordBytes)"))
        }
        if copies >= 3, values["min.insync.replicas"] == "1" { kinds.append(.acknowledgedByOne(copies: copies)) }
        return kinds.map { TopicDifference(topic: wanted.name, kind: $0) }
    }
}
