import Orders

extension FactCatalogue {
    /// What the order service says, and what it is asked for.
    public static let orders: FactCatalogue = [
        OrderCreated.self, OrderConfirmed.self, OrderCancellationRequested.self, OrderCancelled.self,
        ConfirmOrder.self, CancelOrder.self,
    ]
}
