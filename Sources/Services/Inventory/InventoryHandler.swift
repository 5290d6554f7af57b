import Execution
import InventoryFacts
import Messaging
import OrderFacts
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

    private var reads: FactCatalogue {
        switch mode {
        case .orchestration: Self.orchestrated
        case .choreography: Self.choreographed
        }
    }
    private static let orchestrated: FactCatalogue = [ReserveStock.self, ReleaseStock.self, OrderConfirmed.self]
    private static let choreographed: FactCatalogue = [OrderCreated.self, OrderCancelled.self, OrderConfirmed.self]

    var types: Set<String> { reads.types }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let requests = try messages.compactMap { message in
            try request(in: message).map {
                (message, OrderKey(tenant: message.tenant, orderID: $0.orderID), $0.request)
            }
        }
        var reservations = try ReservationStore.load(Set(requests.map(\.1)).sorted(), on: connection)
        var levels = try StockStore.lock(articles(requests, reservations), unknownSKU: unknownSKU, on: connection)
        var changed: Set<OrderKey> = []
        var answers: [StockReservation.Answer] = []
        for (message, key, request) in requests {
            var stock = levels[key.tenant] ?? StockLevels([:], unknownSKU: unknownSKU)
            let reaction = try StockReservation.react(to: request, reservations[key]?.reservation, stock: &stock)
            levels[key.tenant] = stock
            if let reservation = reaction.reservation {
                reservations[key, default: ReservationStore.Entry()].reservation = reservation
                changed.insert(key)
            }
            if let answer = reaction.answer {
                let fact = answer.fact(of: key.orderID, at: WallClock.nowMicroseconds())
                outbox.append(try message.causes(fact, topic: topic, source: source))
                answers.append(answer)
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
        switch try message.payload(of: reads) {
        case let command as ReserveStock:
            guard !command.items.isEmpty else { throw MessageRejected("\(message.type): /items must not be empty") }
            return (command.orderID, .reserve(command.items))
        case let command as ReleaseStock: return (command.orderID, .release)
        case let order as OrderCreated: return (order.orderID, .reserve(order.items))
        case let order as OrderCancelled: return (order.orderID, .release)
        case let order as OrderConfirmed: return (order.orderID, .consume)
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

extension StockReservation.Answer {
    func fact(of orderID: String, at now: Int64) -> any OrderFact {
        switch self {
        case .reserved(let items): StockReserved(orderID: orderID, items: items, at: now)
        case .rejected(let reason, let sku): StockRejected(orderID: orderID, reason: reason, sku: sku, at: now)
        case .released(let items): StockReleased(orderID: orderID, items: items, at: now)
        }
    }
}
