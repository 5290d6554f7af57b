import Messaging
import OrderflowKit
import Orders

/// The fulfilment of an order:
///
///     OrderCreated ─> ReserveStock ─> ProcessPayment ─┐
///          └─ shipping prepares on its own ───────────┴─> ConfirmOrder ─> OrderConfirmed
///
///     failure, deadline, cancellation ─> RefundPayment ─> ReleaseStock ─> CancelOrder ─> OrderCancelled
public enum FulfilmentSaga {
    public static let name = "fulfilment"
    public static let group = "saga-group"

    public enum Step {
        public static let stock = "stock"
        public static let payment = "payment"
        public static let shipment = "shipment"
        public static let confirmation = "confirmation"
    }

    /// How long each participant may take, and how the rest is asked again.
    public struct Patience: Hashable, Sendable {
        public var stock: Duration = .seconds(60)
        public var payment: Duration = .seconds(120)
        public var shipment: Duration = .seconds(120)
        public var compensation = SagaRetry()
        public var order = SagaRetry(answerWithin: .seconds(15))

        public init() {}
    }

    public static func definition(
        topics: Topics, patience: Patience = Patience()
    ) throws(SagaDefinition.Invalid) -> SagaDefinition {
        let inventory = topics.inventoryCommands
        let payment = topics.paymentCommands
        let orders = topics.orderCommands
        return try SagaDefinition(
            name: name,
            startedBy: FactType.orderCreated,
            cancelledBy: [FactType.orderCancellationRequested, FactType.orderCancelled],
            steps: [
                .compensatable(
                    Step.stock,
                    command: builder(topic: inventory) { order, _ in .reserveStock(items: order.items) },
                    succeededBy: [FactType.stockReserved], failedBy: [FactType.stockRejected],
                    deadline: patience.stock,
                    compensation: SagaCompensation(
                        command: builder(topic: inventory) { _, _ in .releaseStock },
                        doneBy: [FactType.stockReleased], retry: patience.compensation)),
                .compensatable(
                    Step.payment, after: [Step.stock],
                    command: builder(topic: payment) { order, _ in
                        .processPayment(userID: order.userID, amount: order.total, paymentToken: order.paymentToken)
                    },
                    succeededBy: [FactType.paymentProcessed], failedBy: [FactType.paymentFailed],
                    deadline: patience.payment,
                    compensation: SagaCompensation(
                        command: builder(topic: payment) { _, reason in .refundPayment(reason: reason) },
                        doneBy: [FactType.paymentRefunded, FactType.paymentVoided],
                        refusedBy: [FactType.paymentRefundFailed], retry: patience.compensation)),
                .external(
                    Step.shipment, succeededBy: [FactType.shipmentCreated], failedBy: [FactType.shipmentFailed],
                    deadline: patience.shipment),
                .pivot(
                    Step.confirmation, after: [Step.stock, Step.payment, Step.shipment],
                    command: builder(topic: orders) { _, _ in .confirmOrder },
                    succeededBy: [FactType.orderConfirmed], retry: patience.order),
            ],
            abort: SagaAbort(
                command: builder(topic: orders) { _, reason in .cancelOrder(reason: reason) },
                answeredBy: [FactType.orderCancelled], retry: patience.order),
            reason: { type, payload in reason(type: type, payload: payload) })
    }

    private static func builder(
        topic: String, _ kind: @escaping @Sendable (OrderCreated, _ reason: String) -> FulfilmentCommand.Kind
    ) -> SagaCommandBuilder {
        { context in
            let fact = try OrderFact.decode(type: FactType.orderCreated, payload: context.start, time: 0, from: .store)
            guard case .orderCreated(let order)? = fact?.kind else {
                throw PayloadError(type: FactType.orderCreated, detail: "is no order")
            }
            let command = FulfilmentCommand(orderID: context.id, kind(order, context.reason ?? ""))
            return SagaCommand(
                topic: topic, key: context.id, type: command.kind.type, payload: command.payload())
        }
    }

    /// What customers and operators are told.
    private static func reason(type: String, payload: [UInt8]) -> String? {
        switch (try? OrderFact.decode(type: type, payload: payload, time: 0, from: .store))?.kind {
        case .orderCancellationRequested(let words), .orderCancelled(_, _, let words): words.isEmpty ? nil : words
        case .stockRejected(let words, _): "stock: \(words)"
        case .paymentFailed(let words): "payment: \(words)"
        case .shipmentFailed(let words): "shipment: \(words)"
        case .paymentRefundFailed(let words): words
        default: nil
        }
    }
}
