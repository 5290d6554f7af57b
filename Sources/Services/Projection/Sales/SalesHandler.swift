import Messaging
import OrderflowKit
import Orders
import Postgres

/// Keeps what customers ordered and spent, and what was sold by day: sums that move by what an order counts for after
/// its facts, less what it counted for before. An order's own row says what it counts for, so that a fact that comes
/// twice moves nothing.
struct SalesHandler: BatchHandler {
    let types = Purchase.reads.types

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        var fold = SalesFold()
        for message in messages { try fold.add(message) }
        try fold.write(on: connection)
    }
}

/// Facts of many orders, on their way into sales and customers.
struct SalesFold: HistoryFold {
    private var facts: [(key: OrderKey, fact: any MessagePayload)] = []

    mutating func add(_ message: InboundMessage) throws(MessageRejected) {
        guard let fact = try message.payload(of: Purchase.reads) else { return }
        facts.append((OrderKey(tenant: message.tenant, orderID: fact.key), fact))
    }

    func write(on connection: Connection) throws {
        let keys = Set(facts.map(\.key)).sorted()
        let before = try PurchaseStore.load(keys, on: connection)
        var after = before
        for (key, fact) in facts { after[key, default: Purchase(key)].apply(fact) }
        let changed = keys.filter { before[$0] != after[$0] }
        guard !changed.isEmpty else { return }
        try PurchaseStore.save(changed.compactMap { after[$0] }, known: before, on: connection)
        var sums = SalesSums()
        for key in changed {
            if let purchase = before[key] { sums.add(purchase, -1) }
            if let purchase = after[key] { sums.add(purchase, 1) }
        }
        try SalesStore.add(sums, on: connection)
    }
}
