import Orders

/// What there is of some articles: the part of one tenant's stock that a decision is about.
public struct StockLevels: Hashable, Sendable {
    /// One article. Both counts are in pieces; `onHand` includes `reserved`.
    public struct Level: Hashable, Sendable {
        public var onHand: Int64
        public var reserved: Int64
        /// Pieces that have left with confirmed orders.
        public var consumed: Int64

        public init(onHand: Int64, reserved: Int64 = 0, consumed: Int64 = 0) {
            self.onHand = onHand
            self.reserved = reserved
            self.consumed = consumed
        }

        public var available: Int64 { onHand - reserved }
    }

    /// What holds of an article that nobody has set a level for.
    public enum UnknownSKU: String, Hashable, Sendable, CaseIterable {
        /// There is as much as an order asks for.
        case unlimited
        /// There is none.
        case reject
    }

    /// Why an order can't be served.
    public struct Shortage: Error, Hashable, Sendable {
        public let sku: String
        public let reason: String
    }

    /// A reservation counts on an article whose level is gone: its row was deleted by hand.
    public struct LevelMissing: Error, Hashable, Sendable, CustomStringConvertible {
        public let sku: String
        public var description: String { "\(sku) has reservations, but no stock level" }
    }

    public private(set) var levels: [String: Level]
    public let unknownSKU: UnknownSKU
    /// Articles whose level is another one than at the start.
    public private(set) var changed: Set<String> = []

    public init(_ levels: [String: Level], unknownSKU: UnknownSKU) {
        self.levels = levels
        self.unknownSKU = unknownSKU
    }

    /// Sets all of the items aside, or none.
    mutating func reserve(_ items: [OrderLine]) throws(Shortage) -> [StockReservation.Line] {
        var wanted: [String: Int64] = [:]
        for item in items { wanted[item.sku, default: 0] += Int64(item.quantity) }
        for item in items {
            let quantity = wanted[item.sku] ?? 0
            guard let level = levels[item.sku] else {
                if unknownSKU == .unlimited { continue }
                throw Shortage(sku: item.sku, reason: "\(item.sku) is not stocked")
            }
            guard level.available >= quantity else {
                throw Shortage(
                    sku: item.sku, reason: "\(quantity) of \(item.sku) asked for, \(level.available) available")
            }
        }
        for (sku, quantity) in wanted where levels[sku] != nil {
            levels[sku]?.reserved += quantity
            changed.insert(sku)
        }
        return items.map {
            StockReservation.Line(sku: $0.sku, quantity: $0.quantity, isCounted: levels[$0.sku] != nil)
        }
    }

    /// Puts what was set aside back on the shelf.
    mutating func release(_ lines: [StockReservation.Line]) throws(LevelMissing) {
        try change(lines) { $0.reserved -= $1 }
    }

    /// Lets what was set aside leave for good.
    mutating func consume(_ lines: [StockReservation.Line]) throws(LevelMissing) {
        try change(lines) {
            $0.reserved -= $1
            $0.onHand -= $1
            $0.consumed += $1
        }
    }

    private mutating func change(
        _ lines: [StockReservation.Line], _ apply: (inout Level, Int64) -> Void
    ) throws(LevelMissing) {
        for line in lines where line.isCounted {
            guard var level = levels[line.sku] else { throw LevelMissing(sku: line.sku) }
            apply(&level, Int64(line.quantity))
            levels[line.sku] = level
            changed.insert(line.sku)
        }
    }
}
