import Randomness
import Testing

@testable import Messaging

/// What routing keys are, and which patterns take them.
@Suite struct RoutingPatternTests {
    /// AMQP's rules, word by word, with nothing clever: a `#` takes none, or one and then what it takes of the rest.
    private static func reference(_ pattern: ArraySlice<String>, _ key: ArraySlice<String>) -> Bool {
        guard let first = pattern.first else { return key.isEmpty }
        if first == "#" {
            return reference(pattern.dropFirst(), key) || (!key.isEmpty && reference(pattern, key.dropFirst()))
        }
        guard let word = key.first, first == "*" || first == word else { return false }
        return reference(pattern.dropFirst(), key.dropFirst())
    }

    @Test func itMatchesWhatAMQPMatches() throws {
        var random = SeededGenerator.fromEnvironment()
        var matched = 0
        for _ in 0..<TestTier.rounds(20_000) {
            let pattern = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                ["*", "#", "a", "b", "order"].randomElement(using: &random) ?? "a"
            }
            let key = (0..<Int.random(in: 1...7, using: &random)).map { _ in
                ["a", "b", "order"].randomElement(using: &random) ?? "a"
            }
            let text = pattern.joined(separator: ".")
            let found = try RoutingPattern(text).matches(RoutingKey(key.joined(separator: ".")))
            #expect(found == Self.reference(pattern[...], key[...]), "\(text) \(key)")
            if found { matched += 1 }
        }
        #expect(matched > 100)
    }

    /// The examples of RabbitMQ's tutorial on topics, and ours.
    @Test(arguments: [
        ("*.orange.*", "quick.orange.rabbit", true), ("*.*.rabbit", "quick.orange.rabbit", true),
        ("lazy.#", "lazy.orange.elephant", true), ("lazy.#", "lazy", true), ("lazy.#", "quick.brown.fox", false),
        ("*.orange.*", "orange", false), ("*.orange.*", "quick.orange.new.rabbit", false), ("#", "a.b.c", true),
        ("lazy.#", "lazy.orange.new.rabbit", true), ("acme.order.*", "acme.order.created", true),
        ("acme.order.*", "acme.order.cancellation.requested", false), ("acme.order.*", "globex.order.created", false),
        ("#.#", "a", true), ("#.*.#", "a", true), ("*.#.created", "acme.order.created", true),
    ]) func examples(_ pattern: String, _ key: String, _ matches: Bool) throws {
        #expect(try RoutingPattern(pattern).matches(RoutingKey(key)) == matches)
    }

    @Test(arguments: ["", ".", "a..b", "a.", ".a", "ord*", "#a", "a.*b", String(repeating: "a", count: 256)])
    func whatIsNoPatternIsRefused(_ text: String) {
        #expect(throws: RoutingPattern.Flaw.self) { try RoutingPattern(text) }
    }

    @Test(arguments: [
        ("acme", "OrderCreated", "acme.order.created"),
        ("default", "OrderCancellationRequested", "default.order.cancellation.requested"),
        ("a.b", "StockReserved", "a%2Eb.stock.reserved"), ("x", "SEPADebitFailed", "x.sepa.debit.failed"),
        ("x", "com.example/Thing2Done", "x.com.example.thing2.done"), ("x", "plain", "x.plain"),
    ]) func aKeyIsTheTenantAndTheWordsOfTheType(_ tenant: String, _ type: String, _ key: String) {
        #expect(RoutingKey(tenant: tenant, type: type).description == key)
    }

    /// A tenant that is called like the beginning of another's key takes nothing of the other's.
    @Test func noTenantLooksLikeAnother() throws {
        let pattern = try RoutingPattern("acme.#")
        #expect(pattern.matches(RoutingKey(tenant: "acme", type: "OrderCreated")))
        for other in ["acme.order", "acme.eu", "Acme", "acme-2"] {
            #expect(!pattern.matches(RoutingKey(tenant: other, type: "OrderCreated")), "\(other)")
        }
    }
}
