import Messaging
import OrderflowKit
import Orders
import Postgres

/// Folds batches of facts into `order_views`: one write of all orders in the batch, and a read of those that it hasn't
/// written lately.
struct OrderViewProjection: BatchHandler {
    /// All facts about orders in the installation.
    private let facts: FactCatalogue
    let types: Set<String>
    private let recent: RecentViews

    /// - Parameter facts: all of the installation.
    init(_ facts: FactCatalogue, recent: RecentViews = RecentViews()) {
        self.facts = facts.orderFacts
        types = self.facts.types
        self.recent = recent
    }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        var fold = OrderViewFold(facts, capacity: messages.count)
        for message in messages { try fold.add(message) }
        try fold.save(on: connection, knowing: recent, telling: OrderViewRows.channel)
    }
}
