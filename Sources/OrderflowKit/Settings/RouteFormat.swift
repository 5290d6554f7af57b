import Messaging

/// A route as a setting says it: words with blanks between them.
///
///     topic=acme.order.# to=partner-acme tenant=acme
///     direct=acme.order.created/acme.order.cancelled to=partner-acme from=order_events
///     fanout to=everything /currency=EUR/CHF source=/orderflow/orders
package enum RouteFormat {
    /// Why a text is no route.
    package struct Flaw: Error, Hashable, CustomStringConvertible {
        package let description: String
        init(_ description: String) { self.description = description }
    }

    package static let grammar =
        "topic=PATTERN, direct=KEY/KEY or fanout, then to=TOPIC, and as wanted from=TOPIC tenant=NAME/NAME "
        + "type=NAME/NAME source=URI key=KEY /member=VALUE/VALUE"

    /// What becomes of the words: topics and types are as they were written, not looked up yet.
    package static func parse(_ text: String, name: String) throws(Flaw) -> MessageRoute {
        var binding: MessageRoute.Binding?
        var found: [String: Set<String>] = [:]
        var conditions: [MessageRoute.Condition] = []
        for word in text.split(separator: " ") {
            let sides = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let isRepeated = sides[0] == "fanout" ? binding != nil : found[sides[0]] != nil
            guard !isRepeated else { throw Flaw("\(sides[0]) is there twice") }
            if word == "fanout" || ["topic", "direct"].contains(sides[0]) {
                guard binding == nil else { throw Flaw("one of topic, direct and fanout is enough") }
            }
            if word == "fanout" {
                binding = .fanout
                continue
            }
            guard sides.count == 2, !sides[1].isEmpty else { throw Flaw("\"\(word)\": \(grammar)") }
            // A source is a URI, which has slashes of its own; a key may have them too.
            let isWhole = ["topic", "to", "from", "source", "key"].contains(sides[0])
            let values =
                isWhole ? [sides[1]] : sides[1].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard !values.contains("") else { throw Flaw("\"\(word)\" has an empty value") }
            found[sides[0]] = Set(values)
            switch sides[0] {
            case "topic": binding = .topic(try pattern(sides[1]))
            case "direct": binding = .direct(try Set(values.map { key throws(Flaw) in try direct(key) }))
            case "to", "from", "tenant", "type": break
            case "source": conditions.append(.init(.source, [sides[1]]))
            case "key": conditions.append(.init(.key, [sides[1]]))
            case let member where member.hasPrefix("/") && member.count > 1:
                conditions.append(
                    .init(.member(member.dropFirst().split(separator: "/").map(String.init)), Set(values)))
            default:
                let known = ["topic", "direct", "fanout", "to", "from", "tenant", "type", "source", "key"]
                throw Flaw("\(sides[0]) is no word of a route\(Suggestion.text(for: sides[0], among: known))")
            }
        }
        guard let binding else { throw Flaw("topic=PATTERN, direct=KEY or fanout is missing") }
        guard let target = found["to"]?.first else { throw Flaw("to=TOPIC is missing") }
        guard SettingFormat<String>.topic.parse(target) != nil else {
            throw Flaw("to=\(target): must be \(SettingFormat<String>.topic.expected)")
        }
        var route = MessageRoute(name, binding, to: target)
        (route.origins, route.tenants, route.types) = (found["from"], found["tenant"], found["type"])
        route.conditions = conditions
        return route
    }

    private static func pattern(_ text: String) throws(Flaw) -> RoutingPattern {
        do {
            return try RoutingPattern(text)
        } catch {
            throw Flaw("topic: \(error)")
        }
    }

    /// A pattern without wildcards.
    private static func direct(_ key: String) throws(Flaw) -> String {
        guard !key.contains(where: { "*#".contains($0) }) else {
            throw Flaw("direct=\(key): wildcards are for topic=")
        }
        do {
            return try RoutingPattern(key).description
        } catch {
            throw Flaw("direct: \(error)")
        }
    }
}
