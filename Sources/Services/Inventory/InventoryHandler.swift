import Execution
import Messaging
import OrderflowKit
import Orders
import Postgres

/// Applies requests to reservations and stock: a fixed number of statements for all orders and articles of a batch.
///
/// Locks are taken in one order everywhere, reservations by order and then levels by article, so that two batches
/// over the same articles wait for each other instead of deadlocking.
struct InventoryHandler: BatchHandler {
    let mode: FulfilmentMode
    let unknownSKU: StockLevels.UnknownSKU
    let topic: String
    let source: String
    private let metrics = InventoryMetrics()

    init(mode: FulfilmentMode, unknownSKU: StockLevels.UnknownSKU, topic: String, source: String) {
        self.mode = mode
        self.unknownSKU = unknownSKU
        self.topic = topic
        self.source = source
    }

    var types: Set<String> {
        switch mode {
        case .orchestration: [CommandType.reserveStock, CommandType.releaseStock, FactType.orderConfirmed]
        case .choreography: [FactType.orderCreated, FactType.orderCancelled, FactType.orderConfirmed]
        }
    }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let requests = try messages.compactMap { message in
            try request(in: message).map {
                (message, OrderKey(tenant: message.tenant, orderID: $0.orderID), $0.request)
            }
        }
        var reservations = try ReservationStore.load(Set(requests.map(\.1)).sorted(), on: connection)
        var levels = try StockStore.lock(articles(requests, reservations), unknownSKU: unknownSKU, on: connection)
        var changed: Set<OrderKey> = []
        var answers: [OrderFact.Kind] = []
        for (message, key, request) in requests {
            var stock = levels[key.tenant] ?? StockLevels([:], unknownSKU: unknownSKU)
            let reaction = try StockReservation.react(to: request, reservations[key]?.reservation, stock: &stock)
            levels[key.tenant] = stock
            if let reservation = reaction.reservation {
                reservations[key, default: ReservationStore.Entry()].reservation = reservation
                changed.insert(key)
            }
            if let kind = reaction.fact {
                let fact = OrderFact(orderID: key.orderID, at: WallClock.nowMicroseconds(), kind)
                outbox.append(message.causes(fact, topic: topic, source: source))
                answers.append(kind)
            }
        }
        try ReservationStore.save(
            changed.sorted().compactMap { key in reservations[key].map { (key, $0) } }, on: connection)
        try StockStore.save(levels, on: connection)
        metrics.answered(answers)
    }

    private func request(
        in message: InboundMessage
    ) throws(MessageRejected) -> (orderID: String, request: StockReservation.Request)? {
        if let command = try message.fulfilmentCommand() {
            switch command.kind {
            case .reserveStock(let items):
                guard !items.isEmpty else { throw MessageRejected("\(message.type): /items must not be empty") }
                return (command.orderID, .reserve(items))
            case .releaseStock: return (command.orderID, .release)
            default: return nil
            }
        }
        guard let fact = try message.orderFact() else { return nil }
        switch fact.kind {
        case .orderCreated(let order): return (fact.orderID, .reserve(order.items))
        case .orderCancelled: return (fact.orderID, .release)
        case .orderConfirmed: return (fact.orderID, .consume)
        default: return nil
        }
    }

    /// Whatever the requests may take from or give back to.
    private func articles(
        _ requests: [(InboundMessage, OrderKey, StockReservation.Request)],
        _ reservations: [OrderKey: ReservationStore.Entry]
    ) -> [StockStore.Article] {
        var articles: Set<StockStore.Article> = []
        for (_, key, request) in requests {
            if case .reserve(let items) = request, reservations[key] == nil {
                for item in items { articles.insert(StockStore.Article(tenant: key.tenant, sku: item.sku)) }
            }
            guard let known = reservations[key]?.reservation, known.status == .reserved else { continue }
            for line in known.lines { articles.insert(StockStore.Article(tenant: key.tenant, sku: line.sku)) }
        }
        return articles.sorted()
    }
}
