import Foundation
import JSON
import Messaging
import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// `routes` in the configuration, and what `orderflow routes test` says of an event.
@Suite struct RouteSettingsTests {
    /// Whatever stands in the folder's own file doesn't count.
    private static let emptyFile: String = {
        let path = NSTemporaryDirectory() + "/routes-\(UUID()).yaml"
        FileManager.default.createFile(atPath: path, contents: nil)
        return path
    }()

    private func settings(_ routes: [String: String]) throws(SettingsError) -> Settings {
        try SettingsSources(
            OrderflowApp.services, configPath: Self.emptyFile,
            flags: routes.map { SettingsSources.Flag(key: "routes.\($0.key)", text: $0.value, option: "--set") }
        ).load().settings
    }

    private func problem(_ route: String) -> String? {
        do throws(SettingsError) {
            _ = try settings(["r": route])
            return nil
        } catch {
            return error.problems.count == 1 ? error.problems[0] : "\(error.problems)"
        }
    }

    @Test func aRouteIsReadFromEverySource() throws {
        let loaded = try SettingsSources(
            OrderflowApp.services, configPath: Self.emptyFile,
            environment: ["ORDERFLOW_ROUTES_PARTNER_ACME": "topic=acme.# to=a tenant=acme"],
            flags: [
                .init(
                    key: "routes.euro", text: "direct=x.order.created/y.order.created to=b /currency=EUR/CHF",
                    option: "--set")
            ]
        ).load()
        let routes = try loaded.settings.routeTable().routes
        #expect(routes.map(\.name) == ["euro", "partner-acme"])
        #expect(routes[0].binding == .direct(["x.order.created", "y.order.created"]))
        #expect(routes[0].conditions == [.init(.member(["currency"]), ["EUR", "CHF"])])
        #expect(routes[1].binding == .topic(try RoutingPattern("acme.#")) && routes[1].tenants == ["acme"])
        #expect(loaded.lines.map(\.name).suffix(2) == ["routes.euro", "routes.partner-acme"])
        // What `up` hands to its children.
        let child = try SettingsSources(
            OrderflowApp.services, configPath: Self.emptyFile, environment: loaded.flagsAsEnvironment
        ).load()
        #expect(child.settings.routes.keys.sorted() == ["euro"])
        #expect(
            try SettingsFile(
                path: "f", text: "routes:\n  a: \"fanout to=t\"\n", table: OrderflowApp.services.settings
            ).texts
                == ["routes.a": "fanout to=t"])
    }

    @Test(
        arguments: [
            ("fanout to=t", nil),
            ("topic=*.order.# to=t from=order_events type=OrderCreated source=/orderflow/orders", nil),
            ("to=t", "topic=PATTERN, direct=KEY or fanout is missing"), ("fanout", "to=TOPIC is missing"),
            ("fanout topic=# to=t", "one of topic, direct and fanout is enough"),
            ("fanout fanout to=t", "fanout is there twice"),
            ("fanout to=t to=u", "to is there twice"), ("topic=a..b to=t", "empty word"),
            ("topic=ord* to=t", "stand for whole words only"), ("direct=a.* to=t", "wildcards are for topic="),
            ("fanout to=a/b", "must be a topic name"), ("fanout to=order-events", "one of our own topics"),
            ("fanout to=logs", "one of our own topics"), ("fanout to=replies.x", "one of our own topics"),
            ("fanout to=order-events.shipping-group.dlt", "one of our own topics"),
            ("fanout to=t from=nowhere", "there is no such topic"),
            ("fanout to=t from=payment-commands", "aren't copied"),
            ("fanout to=t from=quote_requests", "aren't copied"),
            ("fanout to=t type=OrderCreate", "did you mean OrderCreated?"),
            ("fanout to=t tenants=a", "did you mean tenant?"),
            ("fanout to=t tenant=a/b!", "must have 1 to"), ("fanout to=t /currency=", "/currency="),
            ("fanout to=t what", "what"), ("nonsense", "topic=PATTERN"),
        ] as [(String, String?)]) func whatIsNoRouteIsRefusedInOneLine(_ route: String, _ words: String?)
    {
        let problem = problem(route)
        guard let words else {
            #expect(problem == nil)
            return
        }
        #expect(problem?.hasPrefix("routes.r: ") == true && problem?.contains(words) == true, "\(problem ?? "taken")")
        #expect(problem?.contains("\n") == false)
    }

    @Test func aNameThatFitsNoVariableIsUnknown() {
        for name in ["A", "a_b", "-a", "a.b", ""] {
            #expect(throws: SettingsError.self, "\(name)") { try settings([name: "fanout to=t"]) }
        }
    }

    @Test func topicsOfRoutesAreMade() throws {
        let topics = TopicProvisioner.topics(try settings(["a": "fanout to=t", "b": "fanout to=t"])).map(\.name)
        #expect(topics.filter { $0 == "t" }.count == 1)
    }

    /// Some commands hold secrets, and none is meant for anybody else.
    @Test func onlyTopicsOfFactsAreCopied() {
        let settings = Settings(OrderflowApp.services)
        #expect(Set(settings.factTopics.map(\.id)) == ["order_events", "user_events"])
        #expect(settings.topic(ofFact: "OrderCreated") == .orderEvents && settings.topic(ofFact: "PlaceOrder") == nil)
    }

    private func fact(_ line: String, topic: String? = nil) throws -> RoutedFact {
        try EventLine.fact(Array(line.utf8), topic: topic, settings([:]))
    }

    @Test func anEventIsReadAsReplayPrintsIt() throws {
        let line =
            #"{"key":"0199","partition":3,"offset":7,"timestamp":"2026-01-31T12:00:00Z","type":"OrderCreated","#
            + #""headers":{"ce_tenant":"acme","ce_source":["/x","/orderflow/orders"]},"payload":{"currency":"EUR"}}"#
        let fact = try fact(line)
        #expect(
            fact.topic == "order-events" && fact.routingKey.description == "acme.order.created" && fact.key == "0199")
        let table = try settings([
            "a": "fanout to=t source=/orderflow/orders /currency=EUR", "b": "fanout to=t",
            "c": "topic=*.user.# to=u",
        ]).routeTable()
        #expect(table.routes(of: fact).map(\.name) == ["a"])
        let text = RoutesText.explain(fact, table).text
        #expect(text.contains("a      yes       copied to t"))
        #expect(text.contains("b      yes       comes to t already"))
        #expect(text.contains("c      no        its routing key doesn't match *.user.#"))
        #expect(RoutesText.json(fact, table).text.contains(#""copies":[{"route":"a","to":"t"}]"#))
        let other = try self.fact(#"{"type":"ProcessPayment","payload":{}}"#, topic: "payment-commands")
        #expect(RoutesText.explain(other, table).text.contains("commands aren't copied"))
    }

    @Test(arguments: [
        "x", "[]", "{}", #"{"type":"Nobody"}"#, #"{"type":"ProcessPayment"}"#,
        #"{"type":"OrderCreated","headers":{"ce_tenant":"a b"}}"#,
    ]) func whatIsNoEventIsRefused(_ line: String) {
        #expect(throws: EventLine.Flaw.self) { try fact(line) }
    }
}
