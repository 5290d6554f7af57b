import Messaging
import Orders

extension Settings {
    /// By which facts are copied to further topics. Throws a line for each route that can't be.
    package func routeTable() throws(SettingsError) -> RouteTable {
        var found: [MessageRoute] = []
        var problems: [String] = []
        for (name, text) in routes.sorted(by: { $0.key < $1.key }) {
            do throws(RouteFormat.Flaw) {
                found.append(try checked(RouteFormat.parse(text, name: name)))
            } catch {
                problems.append("routes.\(name): \(error)")
            }
        }
        guard problems.isEmpty else { throw SettingsError(problems: problems) }
        return RouteTable(found, factTopics: Set(factTopics.map { topics.names[$0] }))
    }

    /// Topics that carry facts. Commands are never copied: they are said to one service, and some hold secrets.
    package var factTopics: [Topic] {
        services.topics.filter { topic in
            services.modules.contains { module in
                (module.payloads[topic] ?? []).contains { !($0 is any Command.Type) }
            }
        }
    }

    /// Where a fact is published, by its type; nil for one that nobody says.
    package func topic(ofFact type: String) -> Topic? {
        factTopics.first { topic in
            services.modules.contains { module in
                (module.payloads[topic] ?? []).contains { $0.type == type && !($0 is any Command.Type) }
            }
        }
    }

    private func checked(_ route: MessageRoute) throws(RouteFormat.Flaw) -> MessageRoute {
        var route = route
        let own = topicNames + services.deadLetterTopics(topics.names) + [topics.names.logs]
        guard !own.contains(route.target), !route.target.hasPrefix(ReplyTopic.prefix) else {
            throw .init(
                "to=\(route.target): is one of our own topics; what is copied there would be read as said there")
        }
        if let origins = route.origins {
            route.origins = Set(
                try origins.map { name throws(RouteFormat.Flaw) in
                    guard let topic = services.topics.first(where: { $0.id == name || topics.names[$0] == name }) else {
                        let known = services.topics.map(\.id)
                        throw .init("from=\(name): there is no such topic\(Suggestion.text(for: name, among: known))")
                    }
                    guard factTopics.contains(topic) else {
                        throw .init("from=\(name): carries commands or requests, which aren't copied")
                    }
                    return topics.names[topic]
                })
        }
        let types = services.facts.types
        for type in route.types ?? [] where !types.contains(type) {
            throw .init("type=\(type): nobody says that\(Suggestion.text(for: type, among: Array(types)))")
        }
        for tenant in route.tenants ?? [] where !TenantName.isValid(tenant) {
            throw .init("tenant=\(tenant): must have 1 to \(TenantName.limit) letters, digits and . _ -")
        }
        return route
    }
}
