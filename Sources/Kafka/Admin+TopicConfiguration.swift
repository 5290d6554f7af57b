import CLibrdkafka

/// One setting of a topic, as the brokers have it.
public struct TopicSetting: Hashable, Sendable {
    /// Who has set it.
    public enum Origin: String, Hashable, Sendable {
        case topic, broker, `default`, unknown
    }

    /// Such as `retention.ms`.
    public var name: String
    /// Nil where the brokers keep it secret.
    public var value: String?
    public var origin: Origin

    public init(name: String, value: String?, origin: Origin) {
        self.name = name
        self.value = value
        self.origin = origin
    }
}

extension Admin {
    /// All settings of a topic, by name (DescribeConfigs).
    public func settings(ofTopic topic: String) throws -> [TopicSetting] {
        guard let resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic) else {
            throw KafkaError(configuration: "topic \(topic)")
        }
        defer { rd_kafka_ConfigResource_destroy(resource) }
        var resources: [OpaquePointer?] = [resource]
        let what = "settings of \(topic)"
        return try request(
            RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, what,
            send: { options, queue in
                rd_kafka_DescribeConfigs(handle.raw, &resources, resources.count, options, queue)
            },
            result: { event in
                var count = 0
                let results = rd_kafka_DescribeConfigs_result_resources(event, &count)
                var entries = 0
                guard let result = try Self.resource(in: results, count, what),
                    let list = rd_kafka_ConfigResource_configs(result, &entries)
                else { return [] }
                return (0..<entries).compactMap { list[$0].map(Self.setting) }.sorted { $0.name < $1.name }
            })
    }

    /// Sets some of a topic's own settings and keeps its others (AlterConfigs, which knows only all at once). Another
    /// change at the same moment may get lost.
    public func change(_ changes: [String: String], ofTopic topic: String) throws {
        guard !changes.isEmpty else { return }
        var all: [String: String] = [:]
        for setting in try settings(ofTopic: topic) where setting.origin == .topic { all[setting.name] = setting.value }
        all.merge(changes) { $1 }
        guard let resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic) else {
            throw KafkaError(configuration: "topic \(topic)")
        }
        defer { rd_kafka_ConfigResource_destroy(resource) }
        for (name, value) in all { rd_kafka_ConfigResource_set_config(resource, name, value) }
        var resources: [OpaquePointer?] = [resource]
        let what = "change settings of \(topic)"
        try request(
            RD_KAFKA_ADMIN_OP_ALTERCONFIGS, what,
            send: { options, queue in
                rd_kafka_AlterConfigs(handle.raw, &resources, resources.count, options, queue)
            },
            result: { event in
                var count = 0
                let results = rd_kafka_AlterConfigs_result_resources(event, &count)
                _ = try Self.resource(in: results, count, what)
            })
    }

    /// The resource that a result is of; nil for a result of none. Throws what the brokers refused it with.
    private static func resource(
        in results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int, _ what: String
    ) throws(KafkaError) -> OpaquePointer? {
        guard let results, count > 0, let resource = results[0] else { return nil }
        let code = rd_kafka_ConfigResource_error(resource)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, what) }
        return resource
    }

    private static func setting(_ entry: OpaquePointer) -> TopicSetting {
        let origin: TopicSetting.Origin =
            switch rd_kafka_ConfigEntry_source(entry) {
            case RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG: .topic
            case RD_KAFKA_CONFIG_SOURCE_DYNAMIC_BROKER_CONFIG, RD_KAFKA_CONFIG_SOURCE_DYNAMIC_DEFAULT_BROKER_CONFIG,
                RD_KAFKA_CONFIG_SOURCE_STATIC_BROKER_CONFIG:
                .broker
            case RD_KAFKA_CONFIG_SOURCE_DEFAULT_CONFIG: .default
            default: .unknown
            }
        return TopicSetting(
            name: String(cString: rd_kafka_ConfigEntry_name(entry)),
            value: rd_kafka_ConfigEntry_value(entry).map { String(cString: $0) }, origin: origin)
    }
}
