import InventoryFacts
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts
import ShippingFacts

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
            startedBy: OrderCreated.type,
            cancelledBy: [OrderCancellationRequested.type, OrderCancelled.type],
            steps: [
                .compensatable(
                    Step.stock,
                    command: builder(topic: inventory) { order, _ in
                        ReserveStock(orderID: order.orderID, items: order.items)
                    },
                    succeededBy: [StockReserved.type], failedBy: [StockRejected.type],
                    deadline: patience.stock,
                    compensation: SagaCompensation(
                        command: builder(topic: inventory) { order, _ in ReleaseStock(orderID: order.orderID) },
                        doneBy: [StockReleased.type], retry: patience.compensation)),
                .compensatable(
                    Step.payment, after: [Step.stock],
                    command: builder(topic: payment) { order, _ in
                        ProcessPayment(
                            orderID: order.orderID, userID: order.userID, amount: order.total,
                            paymentToken: order.paymentToken)
                    },
                    succeededBy: [PaymentProcessed.type], failedBy: [PaymentFailed.type],
                    deadline: patience.payment,
                    compensation: SagaCompensation(
                        command: builder(topic: payment) { order, reason in
                            RefundPayment(orderID: order.orderID, reason: reason)
                        },
                        doneBy: [PaymentRefunded.type, PaymentVoided.type],
                        refusedBy: [PaymentRefundFailed.type], retry: patience.compensation)),
                .external(
                    Step.shipment, succeededBy: [ShipmentCreated.type], failedBy: [ShipmentFailed.type],
                    deadline: patience.shipment),
                .pivot(
                    Step.confirmation, after: [Step.stock, Step.payment, Step.shipment],
                    command: builder(topic: orders) { order, _ in ConfirmOrder(orderID: order.orderID) },
                    succeededBy: [OrderConfirmed.type], retry: patience.order),
            ],
            abort: SagaAbort(
                command: builder(topic: orders) { order, reason in
                    CancelOrder(orderID: order.orderID, reason: reason)
                },
                answeredBy: [OrderCancelled.type], retry: patience.order),
            reason: { type, payload in reason(type: type, payload: payload) })
    }

    private static func builder<Asked: Command>(
        topic: String, _ command: @escaping @Sendable (OrderCreated, _ reason: String) -> Asked
    ) -> SagaCommandBuilder {
        { context in
            let order = try OrderCreated(EncodedPayload(context.start, from: .store))
            let command = command(order, context.reason ?? "")
            return SagaCommand(topic: topic, key: context.id, type: Asked.type, payload: try command.payload())
        }
    }

    /// What moves an order's saga.
    static let facts: FactCatalogue = [
        OrderCreated.self, OrderCancellationRequested.self, OrderConfirmed.self, OrderCancelled.self,
        StockReserved.self, StockRejected.self, StockReleased.self,
        PaymentProcessed.self, PaymentFailed.self, PaymentRefunded.self, PaymentVoided.self, PaymentRefundFailed.self,
        ShipmentCreated.self, ShipmentFailed.self,
    ]

    /// Facts that say why an order is cancelled.
    private static let reasons: FactCatalogue = [
        OrderCancellationRequested.self, OrderCancelled.self, StockRejected.self, PaymentFailed.self,
        ShipmentFailed.self, PaymentRefundFailed.self,
    ]

    /// What customers and operators are told.
    private static func reason(type: String, payload: [UInt8]) -> String? {
        switch try? reasons.decode(type, EncodedPayload(payload, from: .store)) {
        case let fact as OrderCancellationRequested: fact.reason.isEmpty ? nil : fact.reason
        case let fact as OrderCancelled: fact.reason.isEmpty ? nil : fact.reason
        case let fact as StockRejected: "stock: \(fact.reason)"
        case let fact as PaymentFailed: "payment: \(fact.reason)"
        case let fact as ShipmentFailed: "shipment: \(fact.reason)"
        case let fact as PaymentRefundFailed: fact.reason
        default: nil
        }
    }
}
