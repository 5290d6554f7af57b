import JSON
import Orders

/// The body of `POST /quotes`: an order's lines, with their unit prices where the caller knows them.
///
/// This installation keeps no prices: an order's total is its sender's word. What a quote adds to given prices is the
/// arithmetic by which an order's total is read: exact, in the currency's minor units, within its bounds.
struct QuoteWish: Hashable, Sendable {
    struct Line: Hashable, Sendable {
        let line: OrderLine
        /// Of one piece.
        let price: Money?
        /// Of all pieces.
        var amount: MoneySum? {
            price.map {
                MoneySum(minorUnits: Int128($0.minorUnits) * Int128(line.quantity), currency: $0.currency)
            }
        }
    }

    let lines: [Line]
    let currency: Currency
    /// Nil where a line has no price.
    let total: MoneySum?

    init(json: UnsafeRawBufferPointer) throws(OrderRequest.Refusal) {
        var items: [(line: OrderLine, price: [UInt8]?)] = []
        var sawItems = false
        var named: Currency?
        try OrderRequest.Refusal.reading(json) { key, reader in
            if key == "items" {
                sawItems = true
                try reader.readArray(limit: OrderRequest.Limit.items.upperBound) { _, reader in
                    items.append(try Self.item(&reader))
                }
            } else if key == "currency" {
                guard let known = Currency(code: try reader.readString()), known.isCurrent else {
                    throw OrderRequest.Violation(detail: "is not an ISO 4217 code of a currency in use")
                }
                named = known
            } else {
                try reader.skipValue()
            }
        }
        guard !items.isEmpty else {
            throw .invalid([
                OrderRequest.Violation(
                    pointer: "/items", detail: sawItems ? "must have at least one item" : "is required")
            ])
        }
        let currency = named ?? .usd
        var lines: [Line] = []
        var violations: [OrderRequest.Violation] = []
        for (index, item) in items.enumerated() {
            do throws(Money.ParseError) {
                var price: Money?
                if let text = item.price { price = try Money(decimal: text, currency: currency) }
                lines.append(Line(line: item.line, price: price))
            } catch {
                violations.append(OrderRequest.Violation(pointer: "/items/\(index)/price", detail: "\(error)"))
            }
        }
        let amounts = lines.compactMap(\.amount)
        var sum = MoneySum(currency: currency)
        for amount in amounts { sum = MoneySum(minorUnits: sum.minorUnits + amount.minorUnits, currency: currency) }
        if sum.minorUnits >= Int128(Money.limit) * Int128(currency.minorUnits) {
            violations.append(OrderRequest.Violation(pointer: "/items", detail: "total \(Money.ParseError.tooMuch)"))
        }
        guard violations.isEmpty else { throw .invalid(violations) }
        self.lines = lines
        self.currency = currency
        total = amounts.count == lines.count ? sum : nil
    }

    private static func item(_ reader: inout JSONReader) throws -> (OrderLine, [UInt8]?) {
        var price: [UInt8]?
        // Read twice: as an order's line, and for what an order's line hasn't.
        var again = reader
        let line = try OrderLine.checked(&reader)
        try again.readObject { key, reader in
            guard key == "price", reader.peekKind() != .null else { return try reader.skipValue() }
            price =
                switch reader.peekKind() {
                case .string: Array(try reader.readString().utf8)
                default: Array(try reader.readNumberText().utf8)
                }
        }
        return (line, price)
    }
}
