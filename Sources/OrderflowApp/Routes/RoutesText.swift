import JSON
import Messaging
import Terminal

/// Routes for terminals and scripts.
enum RoutesText {
    static func table(_ routes: [MessageRoute]) -> TerminalText {
        guard !routes.isEmpty else { return "no routes are configured; `orderflow routes --help` shows how\n" }
        return TextTable.write(
            [["ROUTE", "TAKES", "TO", "ONLY"]]
                + routes.map { [$0.name, binding($0), $0.target, narrowings($0).joined(separator: " ")] })
    }

    static func json(_ routes: [MessageRoute]) -> TerminalText {
        routes.map { route in
            var json = JSONWriter()
            json.object { json in
                json.field("route", route.name)
                json.field("takes", binding(route))
                json.field("to", route.target)
                json.key("only")
                json.array { json in for word in narrowings(route) { json.value(word) } }
            }
            return TerminalText(json: json.bytes)
        }.joined()
    }

    /// Each route, and what keeps it from taking the fact.
    static func explain(_ fact: RoutedFact, _ table: RouteTable) -> TerminalText {
        let taken = table.routes(of: fact)
        let rows = table.routes.map { route in
            if let obstacle = route.obstacle(to: fact) { return [route.name, "no", obstacle] }
            if taken.contains(route) { return [route.name, "yes", "copied to \(route.target)"] }
            return [route.name, "yes", taken.isEmpty ? "commands aren't copied" : "comes to \(route.target) already"]
        }
        return "\(fact.type) \(fact.key) on \(fact.topic), routing key \(fact.routingKey)\n"
            + TextTable.write([["ROUTE", "TAKES IT", ""]] + rows)
    }

    static func json(_ fact: RoutedFact, _ table: RouteTable) -> TerminalText {
        var json = JSONWriter()
        json.object { json in
            json.field("topic", fact.topic)
            json.field("type", fact.type)
            json.field("key", fact.key)
            json.field("routingKey", fact.routingKey.description)
            json.key("copies")
            json.array { json in
                for route in table.routes(of: fact) {
                    json.object {
                        $0.field("route", route.name)
                        $0.field("to", route.target)
                    }
                }
            }
        }
        return TerminalText(json: json.bytes)
    }

    private static func binding(_ route: MessageRoute) -> String {
        switch route.binding {
        case .direct(let keys): "direct=\(list(keys))"
        case .topic(let pattern): "topic=\(pattern)"
        case .fanout: "fanout"
        }
    }

    private static func narrowings(_ route: MessageRoute) -> [String] {
        let sets = [("from", route.origins), ("tenant", route.tenants), ("type", route.types)]
        return sets.compactMap { name, values in values.map { "\(name)=\(list($0))" } }
            + route.conditions.map { "\($0.subject)=\(list($0.values))" }
    }

    private static func list(_ values: Set<String>) -> String { values.sorted().joined(separator: "/") }
}
