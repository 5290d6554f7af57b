import Orders

/// One order's claim on stock: all of its lines or none.
///
///     reserve ─> reserved ─> consumed        the order was confirmed, the goods leave
///        │          └──────> released        undone; also the tombstone of an undo that came first
///        └────────> rejected
///
/// Every request is answered, a repeated one with the same fact again. Once undone, or refused, an order gets nothing
/// any more.
public struct StockReservation: Hashable, Sendable {
    public enum Status: String, Hashable, Sendable, CaseIterable {
        case reserved, rejected, released, consumed
    }

    /// Pieces of one article, as the order asked for them.
    public struct Line: Hashable, Sendable {
        public let sku: String
        public let quantity: Int
        /// False where the article had no level then: nothing was taken from any.
        public let isCounted: Bool

        public init(sku: String, quantity: Int, isCounted: Bool) {
            self.sku = sku
            self.quantity = quantity
            self.isCounted = isCounted
        }
    }

    public enum Request: Hashable, Sendable {
        case reserve([OrderLine])
        /// The same, asked for too late: it is refused, unless it was done before.
        case reserveTooLate
        /// Make sure that nothing is reserved, now or later.
        case release
        /// The order is confirmed.
        case consume

        /// Whether it is an order's first one, usually.
        var begins: Bool {
            switch self {
            case .reserve, .reserveTooLate: true
            case .release, .consume: false
            }
        }
    }

    /// What is said of a request.
    public enum Answer: Hashable, Sendable {
        case reserved(items: [OrderLine])
        case rejected(reason: String, sku: String?)
        /// No items: nothing had been reserved.
        case released(items: [OrderLine])
        /// The request came too late.
        case expired
    }

    public var status: Status
    /// Kept after the end, so that a repeated request gets the same answer.
    public var lines: [Line]
    /// Of a rejection.
    public var reason: String?
    public var sku: String?

    public init(status: Status, lines: [Line] = [], reason: String? = nil, sku: String? = nil) {
        self.status = status
        self.lines = lines
        self.reason = reason
        self.sku = sku
    }

    public static let expiredReason = "the order's stock was asked for too late"
    public static let releasedReason = "the order's stock was released before"

    /// What a request does to the order's reservation and to the stock. `answer` is what is said of it; `reservation` is nil where
    /// nothing changes.
    public static func react(
        to request: Request, _ reservation: StockReservation?, stock: inout StockLevels
    ) throws(StockLevels.LevelMissing) -> (reservation: StockReservation?, answer: Answer?) {
        guard var known = reservation else { return begin(request, stock: &stock) }
        switch (request, known.status) {
        case (.reserve, .reserved), (.reserve, .consumed), (.reserveTooLate, .reserved), (.reserveTooLate, .consumed):
            return (nil, .reserved(items: known.items))
        case (.reserve, .rejected), (.reserveTooLate, .rejected):
            return (nil, .rejected(reason: known.reason ?? "", sku: known.sku))
        case (.reserve, .released), (.reserveTooLate, .released):
            return (nil, .rejected(reason: releasedReason, sku: nil))

        case (.release, .reserved):
            try stock.release(known.lines)
            known.status = .released
            return (known, .released(items: known.items))
        case (.release, .released): return (nil, .released(items: known.items))
        // A rejection leaves nothing to undo, and goods that have left don't come back by a message.
        case (.release, .rejected), (.release, .consumed): return (nil, .released(items: []))

        case (.consume, .reserved):
            try stock.consume(known.lines)
            known.status = .consumed
            return (known, nil)
        case (.consume, _): return (nil, nil)
        }
    }

    private static func begin(
        _ request: Request, stock: inout StockLevels
    ) -> (reservation: StockReservation?, answer: Answer?) {
        switch request {
        case .reserve(let items):
            do {
                let reserved = StockReservation(status: .reserved, lines: try stock.reserve(items))
                return (reserved, .reserved(items: items))
            } catch {
                return (
                    StockReservation(status: .rejected, reason: error.reason, sku: error.sku),
                    .rejected(reason: error.reason, sku: error.sku)
                )
            }
        // Left behind, so that a copy which another clock finds in time isn't done either.
        case .reserveTooLate: return (StockReservation(status: .rejected, reason: expiredReason), .expired)
        case .release: return (StockReservation(status: .released), .released(items: []))
        // Confirmed without a reservation: an order from before this service, or one of a foreign producer.
        case .consume: return (nil, nil)
        }
    }

    public var items: [OrderLine] { lines.map { OrderLine(sku: $0.sku, quantity: $0.quantity) } }
}
