import Orders

extension FactCatalogue {
    /// What inventory says, and what it is asked for.
    public static let inventory: FactCatalogue = [
        StockReserved.self, StockRejected.self, StockReleased.self, ReserveStock.self, ReleaseStock.self,
    ]
}
