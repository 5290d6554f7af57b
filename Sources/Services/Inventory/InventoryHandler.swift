import Execution
import InventoryFacts
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// Applies requests to reservations and stock: a fixed number of statements for all orders and articles of a batch.
///
/// Levels are locked by article, in one order everywhere, so that two batches over the same articles wait for each other
/// instead of deadlocking. Reservations aren't: their versions tell of a change, and those that it remembers aren't read.
struct InventoryHandler: BatchHandler {
    let mode: FulfilmentMode
    let unknownSKU: StockLevels.UnknownSKU
    let topic: String
    let source: String
    private let metrics = InventoryMetrics()
    private let guesses = RowGuesses<OrderKey, ReservationStore.Entry>(limit: 8_000)

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
    let judgesExpiry = true

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let requests = try messages.compactMap { message in
            try request(in: message).map {
                (message, OrderKey(tenant: message.tenant, orderID: $0.orderID), $0.request)
            }
        }
        let guessed = try guesses.guess(
            Set(requests.lazy.map(\.1)), new: Set(requests.lazy.filter(\.2.begins).map(\.1)), on: connection)
        let reservations = try guessed.known.merging(
            ReservationStore.load(guessed.unknown, on: connection), uniquingKeysWith: { $1 })
        let levels = try StockStore.lock(articles(requests, reservations), unknownSKU: unknownSKU, on: connection)
        let decided = try Hearing.decide(group: InventoryGroup.name, on: connection) { hearing in
            try decide(requests, Decided(reservations: reservations, levels: levels), &hearing)
        }
        let unread = Set(guessed.unknown)
        if let key = decided.unwritten.first(where: { !unread.contains($0) }) {
            // A guess that no write holds against the table.
            throw ConcurrentChange(streamID: key.orderID)
        }
        outbox += decided.events
        let stored = try ReservationStore.save(
            decided.changed.sorted().compactMap { key in decided.reservations[key].map { (key, $0) } }, on: connection)
        // Of the others hardly any is heard of again.
        try guesses.learn(stored.filter { $0.row.reservation?.status == .reserved }, on: connection)
        try StockStore.save(decided.levels, on: connection)
        metrics.answered(decided.answers)
    }

    /// What becomes of reservations and stock, and what is told.
    private struct Decided {
        var reservations: [OrderKey: ReservationStore.Entry]
        var levels: [String: StockLevels]
        var changed: Set<OrderKey> = []
        /// Those that were answered for, and don't change.
        var unwritten: Set<OrderKey> { answered.subtracting(changed) }
        var answered: Set<OrderKey> = []
        var answers: [StockReservation.Answer] = []
        var events: [OutgoingEvent] = []
    }

    private func decide(
        _ requests: [(InboundMessage, OrderKey, StockReservation.Request)], _ stored: Decided,
        _ hearing: inout Hearing
    ) throws -> Decided {
        var next = stored
        for (message, key, request) in requests {
            let known = next.reservations[key]
            var heard = known?.heard
            guard hearing.isNew(message, to: heard) else { continue }
            var stock = next.levels[key.tenant] ?? StockLevels([:], unknownSKU: unknownSKU)
            let reaction = try StockReservation.react(to: request, known?.reservation, stock: &stock)
            if reaction.reservation != nil, known == nil { heard = HeardMessages() }
            hearing.note(message, in: &heard)
            next.levels[key.tenant] = stock
            if let heard, reaction.reservation != nil || heard != known?.heard {
                next.reservations[key] = ReservationStore.Entry(
                    reservation: reaction.reservation ?? known?.reservation, heard: heard,
                    version: known?.version ?? 0)
                next.changed.insert(key)
            }
            if let answer = reaction.answer {
                if let fact = answer.fact(of: key.orderID, at: WallClock.nowMicroseconds()) {
                    next.events.append(try message.causes(fact, topic: topic, source: source))
                } else if let refusal = message.refusal {
                    next.events.append(refusal.answer)
                }
                next.answers.append(answer)
                next.answered.insert(key)
            }
        }
        return next
    }

    private func request(
        in message: InboundMessage
    ) throws(MessageRejected) -> (orderID: String, request: StockReservation.Request)? {
        switch try message.payload(of: reads) {
        case let command as ReserveStock:
            guard !command.items.isEmpty else { throw MessageRejected("\(message.type): /items must not be empty") }
            return (command.orderID, message.refusal == nil ? .reserve(command.items) : .reserveTooLate)
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
    /// Nil where the kit has the answer.
    func fact(of orderID: String, at now: Int64) -> (any OrderFact)? {
        switch self {
        case .expired: nil
        case .reserved(let items): StockReserved(orderID: orderID, items: items, at: now)
        case .rejected(let reason, let sku): StockRejected(orderID: orderID, reason: reason, sku: sku, at: now)
        case .released(let items): StockReleased(orderID: orderID, items: items, at: now)
        }
    }
}
