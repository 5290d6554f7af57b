import Orders

extension FactCatalogue {
    /// What payment says, and what it is asked for.
    public static let payment: FactCatalogue = [
        PaymentProcessed.self, PaymentFailed.self, PaymentRefunded.self, PaymentVoided.self,
        PaymentRefundFailed.self, ProcessPayment.self, RefundPayment.self,
    ]
}
