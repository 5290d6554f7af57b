import InventoryFacts
import Orders

extension StockLevels {
    /// What could be set aside of each line now, by the rules of `reserve`; nothing is set aside.
    func quote(_ items: [OrderLine]) -> Quote {
        var wanted: [String: Int64] = [:]
        for item in items { wanted[item.sku, default: 0] += Int64(item.quantity) }
        return Quote(
            items: items.map { item in
                let level = levels[item.sku]
                let isAvailable = level.map { $0.available >= wanted[item.sku] ?? 0 } ?? (unknownSKU == .unlimited)
                return Quote.Line(
                    sku: item.sku, quantity: item.quantity, isAvailable: isAvailable,
                    stock: level.map { max(0, $0.available) })
            })
    }
}
