/// All routes of an installation.
public struct RouteTable: Sendable {
    public let routes: [MessageRoute]
    /// Those that may take something of a topic.
    private let byTopic: [String: [MessageRoute]]

    /// - Parameter factTopics: those of which routes take something unless they name others, as the brokers know them.
    public init(_ routes: [MessageRoute], factTopics: Set<String>) {
        self.routes = routes
        byTopic = Dictionary(
            uniqueKeysWithValues: factTopics.map { topic in
                (topic, routes.filter { $0.origins?.contains(topic) ?? true })
            }
        ).filter { !$0.value.isEmpty }
    }

    public static let none = RouteTable([], factTopics: [])

    public var targets: Set<String> { Set(routes.map(\.target)) }

    /// Whether some route may take something of the topic.
    func watches(_ topic: String) -> Bool { byTopic[topic] != nil }

    /// The routes that take a fact, the first one for each topic that they lead to: there it comes once.
    public func routes(of fact: RoutedFact) -> [MessageRoute] {
        var taken: Set<String> = []
        return (byTopic[fact.topic] ?? []).filter { route in
            !taken.contains(route.target) && route.obstacle(to: fact) == nil && taken.insert(route.target).inserted
        }
    }
}
