import OrderflowKit
import Orders

/// The facts that endpoints can be told of: whatever services publish on `order-events`.
struct EventTypes: Sendable {
    let facts: FactCatalogue

    init(_ services: ServiceCatalogue) {
        let said = services.modules.flatMap { $0.payloads[.orderEvents] ?? [] }
        // Of one installation's catalogue, whose types are known to be different.
        facts = (try? FactCatalogue(said.filter { $0 is any Fact.Type })) ?? []
    }

    /// By name.
    var names: [String] { facts.all.map { $0.type } }

    /// Patterns of an endpoint at most.
    static let limit = 64

    /// Whether a pattern stands for any of them: a name, or the beginning of names and a `*`.
    func knows(_ pattern: String) -> Bool {
        guard pattern.hasSuffix("*") else { return facts.types.contains(pattern) }
        let start = pattern.dropLast()
        return facts.types.contains { $0.hasPrefix(start) }
    }

    /// The same in SQL: whether a type is one of those that patterns stand for.
    static func matches(_ type: String, _ patterns: String) -> String {
        """
        EXISTS (SELECT 1 FROM unnest(\(patterns)) AS pattern
                WHERE \(type) = pattern OR right(pattern, 1) = '*' AND starts_with(\(type), left(pattern, -1)))
        """
    }
}
