import JSON

/// Facts that are copied to a further topic: which ones, and where to.
public struct MessageRoute: Hashable, Sendable {
    /// How the routing key decides, after AMQP's kinds of exchanges.
    public enum Binding: Hashable, Sendable {
        /// It is one of these.
        case direct(Set<String>)
        case topic(RoutingPattern)
        /// Whatever it is.
        case fanout
    }

    public let name: String
    public let binding: Binding
    /// On the brokers.
    public let target: String
    /// On the brokers; nil is every topic of facts.
    public var origins: Set<String>?
    /// Nil is every one.
    public var tenants: Set<String>?
    public var types: Set<String>?
    /// All of them have to hold.
    public var conditions: [Condition] = []

    /// That an attribute, or a member of the payload, has a value.
    public struct Condition: Hashable, Sendable {
        public enum Subject: Hashable, Sendable {
            /// `ce_source`.
            case source
            /// The record's key.
            case key
            /// A member of the payload, by its place: `/currency`, `/stock/sku`.
            case member([String])
        }

        public let subject: Subject
        public let values: Set<String>

        public init(_ subject: Subject, _ values: Set<String>) {
            self.subject = subject
            self.values = values
        }
    }

    public init(_ name: String, _ binding: Binding, to target: String) {
        self.name = name
        self.binding = binding
        self.target = target
    }

    /// Why the route doesn't take a fact; nil where it does.
    public func obstacle(to fact: RoutedFact) -> String? {
        if let origins, !origins.contains(fact.topic) { return "it isn't on \(Self.list(origins))" }
        if let tenants, !tenants.contains(fact.tenant) { return "its tenant isn't \(Self.list(tenants))" }
        if let types, !types.contains(fact.type) { return "its type isn't \(Self.list(types))" }
        switch binding {
        case .direct(let keys) where !keys.contains(fact.routingKey.description):
            return "its routing key isn't \(Self.list(keys))"
        case .topic(let pattern) where !pattern.matches(fact.routingKey):
            return "its routing key doesn't match \(pattern)"
        default: break
        }
        for condition in conditions {
            guard let value = fact.value(of: condition.subject), condition.values.contains(value) else {
                return "its \(condition.subject) isn't \(Self.list(condition.values))"
            }
        }
        return nil
    }

    private static func list(_ words: Set<String>) -> String { words.sorted().joined(separator: " or ") }
}

extension MessageRoute.Condition.Subject: CustomStringConvertible {
    public var description: String {
        switch self {
        case .source: "source"
        case .key: "key"
        case .member(let path): path.map { "/\($0)" }.joined()
        }
    }
}

/// A fact as routes look at it.
public struct RoutedFact {
    /// On which it is published.
    public let topic: String
    public let tenant: String
    public let type: String
    public let key: String
    public let source: String?
    public let routingKey: RoutingKey
    private let payload: () -> JSONValue?

    /// - Parameter payload: asked for by conditions on members alone; nil for one that can't be read.
    public init(
        topic: String, tenant: String, type: String, key: String, source: String?, payload: @escaping () -> JSONValue?
    ) {
        self.topic = topic
        self.tenant = tenant
        self.type = type
        self.key = key
        self.source = source
        self.payload = payload
        routingKey = RoutingKey(tenant: tenant, type: type)
    }

    /// As text; nil where there is none, or it is an object or an array.
    func value(of subject: MessageRoute.Condition.Subject) -> String? {
        switch subject {
        case .source: source
        case .key: key
        case .member(let path):
            path.reduce(payload()) { value, name in value.flatMap { Self.member(name, of: $0) } }.flatMap(Self.text)
        }
    }

    private static func member(_ name: String, of value: JSONValue) -> JSONValue? {
        if let found = value[name] { return found }
        return Int(name).flatMap { value[$0] }
    }

    private static func text(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .number(let number): "\(number)"
        case .bool(let flag): flag ? "true" : "false"
        default: nil
        }
    }
}
