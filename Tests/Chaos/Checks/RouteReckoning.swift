import TestShop

/// Holds a partner's topic against the topics that its facts come from: each fact that the route takes is there, in the
/// order in which facts of one order were said and caused each other.
struct RouteReckoning {
    let scene: Scene

    /// Where the copies go.
    static let topic = "partner-orders"
    static let types: Set = [
        "OrderCreated", "OrderConfirmed", "OrderCancelled", "OrderWithdrawn", "PaymentProcessed", "PaymentRefunded",
        "ShipmentDispatched",
    ]
    /// The setting that has the relays make them.
    static let setting = [
        "ORDERFLOW_ROUTES_PARTNER": "fanout to=\(topic) from=order_events type=\(types.sorted().joined(separator: "/"))"
    ]

    /// What the partner has.
    struct Standing: Sendable {
        var expected = 0
        /// Beyond the first of each, by `ce_id`.
        var copies = 0
        var lost: [String] = []
        var disordered: [String] = []
        /// What the route doesn't take, or nobody has said.
        var unwanted: [String] = []

        var isSound: Bool { lost.isEmpty && disordered.isEmpty && unwanted.isEmpty }
    }

    private struct Fact {
        let id: String
        let type: String
        let source: String
        /// On which it is: facts of two topics have no order but that of what caused what.
        let topic: String
    }

    func standing() throws -> Standing {
        var standing = Standing()
        let copied = try facts(of: [Self.topic], counting: &standing.copies).mapValues { facts in
            Dictionary(uniqueKeysWithValues: facts.enumerated().map { ($1.id, (place: $0, type: $1.type)) })
        }
        var ignored = 0
        let said = try facts(of: ["order-events", "order-events-express"], counting: &ignored)
        let causes = try causes()
        for (key, facts) in said.sorted(by: { $0.key < $1.key }) {
            let wanted = facts.filter { Self.types.contains($0.type) }
            let places = (copied[key] ?? [:]).mapValues(\.place)
            standing.expected += wanted.count
            standing.lost += wanted.filter { places[$0.id] == nil }.map { "\(key): \($0.type) \($0.id)" }
            let streams = Dictionary(grouping: wanted) { [$0.topic, $0.source] }.values
            let isSaid = streams.allSatisfy { facts in
                let found = facts.compactMap { places[$0.id] }
                return found == found.sorted()
            }
            if !isSaid { standing.disordered.append("\(key): not as one service has said them") }
            for fact in wanted {
                guard let place = places[fact.id], let cause = ancestor(of: fact.id, in: places, causes),
                    let earlier = places[cause], earlier > place
                else { continue }
                standing.disordered.append("\(key): \(fact.type) before what caused it")
            }
        }
        for (key, copies) in copied.sorted(by: { $0.key < $1.key }) {
            let wanted = Set((said[key] ?? []).filter { Self.types.contains($0.type) }.map(\.id))
            standing.unwanted += copies.filter { !wanted.contains($0.key) }.map { "\(key): \($0.value.type) \($0.key)" }
        }
        return standing
    }

    /// Our own facts by key, each once, where it comes first.
    private func facts(of topics: [String], counting copies: inout Int) throws -> [String: [Fact]] {
        var facts: [String: [Fact]] = [:]
        var seen: Set<String> = []
        for topic in topics {
            for record in try scene.shop.headers(of: topic) {
                // What a stranger says on a topic of ours is no relay's to copy.
                guard let key = record.key, let id = record.headers["ce_id"], let type = record.type,
                    let source = record.headers["ce_source"], source.hasPrefix("/orderflow/")
                else { continue }
                guard seen.insert(id).inserted else {
                    copies += 1
                    continue
                }
                facts[key, default: []].append(Fact(id: id, type: type, source: source, topic: topic))
            }
        }
        return facts
    }

    // MARK: What caused what

    /// By the id of each fact and command, that of the message which caused it.
    private func causes() throws -> [String: String] {
        var causes: [String: String] = [:]
        for topic in ["order-events", "order-commands", "payment-commands", "inventory-commands"] {
            for record in try scene.shop.headers(ofLanes: topic) {
                guard let id = record.headers["ce_id"], let cause = record.headers["ce_causationid"] else { continue }
                causes[id] = cause
            }
        }
        return causes
    }

    /// The nearest of what has led to a message that is among `known`.
    private func ancestor(of id: String, in known: [String: Int], _ causes: [String: String]) -> String? {
        var next = causes[id]
        // Longer than any order's way.
        for _ in 0..<50 {
            guard let cause = next else { return nil }
            if known[cause] != nil { return cause }
            next = causes[cause]
        }
        return nil
    }
}
