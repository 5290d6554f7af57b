import CLibrdkafka

/// Where the brokers are and how to talk to them.
public struct KafkaConfiguration: Sendable, CustomStringConvertible {
    /// `host:port`, comma-separated.
    public var bootstrapServers: String
    public var clientID: String
    /// Makes consumers static members of their groups under this name (`group.instance.id`, KIP-345): one that is back
    /// within the session timeout has its partitions again at once, without a rebalance, even after a `kill -9`. Must be
    /// unique among the running members of a group. Nil: a new member each time.
    public var instanceID: String?
    /// The brokers are the dev broker of development and tests, which differs from Kafka in ways that clients have to
    /// allow for (docs/architecture.md, "The dev broker").
    public var isDevBroker: Bool
    /// Passed to librdkafka as they are, over everything that this module sets: TLS, SASL, tuning
    /// (librdkafka CONFIGURATION.md).
    public var properties: [String: String]

    public init(
        bootstrapServers: String, clientID: String = "orderflow", instanceID: String? = nil,
        isDevBroker: Bool = false, properties: [String: String] = [:]
    ) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
        self.instanceID = instanceID
        self.isDevBroker = isDevBroker
        self.properties = properties
    }

    /// The name that members join under, whichever way it was given.
    public var membershipName: String? { properties[Self.instanceProperty] ?? instanceID }

    /// These settings with members joining under `name`.
    public func named(_ name: String?) -> KafkaConfiguration {
        var named = self
        named.properties[Self.instanceProperty] = nil
        named.instanceID = name
        return named
    }

    private static let instanceProperty = "group.instance.id"

    /// Never shows a secret.
    public var description: String {
        let shown = properties.sorted { $0.key < $1.key }.map { key, value in
            let secret = ["password", "secret", "key", "token", "oauthbearer", "jaas"].contains { key.contains($0) }
            return "\(key)=\(secret ? "***" : value)"
        }
        return ([bootstrapServers, "client.id=\(clientID)"] + shown).joined(separator: " ")
    }

    /// A configuration object with `defaults`, then these settings over them. The caller owns it.
    ///
    /// No client has a topic made by asking for it (`allow.auto.create.topics`; a producer's default is true): made that
    /// way it has the brokers' defaults, one partition and a week's retention as a rule, for good.
    func make(_ defaults: [(String, String)]) throws(KafkaError) -> OpaquePointer {
        guard let conf = rd_kafka_conf_new() else { throw KafkaError(configuration: "out of memory") }
        let own = [("bootstrap.servers", bootstrapServers), ("client.id", clientID)]
        let common = [("allow.auto.create.topics", "false")]
        for (name, value) in common + defaults + own + properties.sorted(by: { $0.key < $1.key }) {
            do {
                try Self.set(conf, name, value)
            } catch {
                rd_kafka_conf_destroy(conf)
                throw error
            }
        }
        return conf
    }

    private static func set(_ conf: OpaquePointer, _ name: String, _ value: String) throws(KafkaError) {
        var text = [CChar](repeating: 0, count: 512)
        guard rd_kafka_conf_set(conf, name, value, &text, text.count) == RD_KAFKA_CONF_OK else {
            throw KafkaError(configuration: "property \(name): \(string(text))")
        }
    }

    static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// One partition of a topic.
public struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let topic: String
    public let partition: Int32

    public init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    public static func < (a: TopicPartition, b: TopicPartition) -> Bool {
        (a.topic, a.partition) < (b.topic, b.partition)
    }

    public var description: String { "\(topic)/\(partition)" }
}
