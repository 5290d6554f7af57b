import Execution
import InventoryFacts
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts
import Postgres

/// Turns requests into what the gateway is to be asked. The asking is `GatewayWorker`'s: nothing outside of PostgreSQL
/// happens in a consumer's transaction.
struct PaymentHandler: BatchHandler {
    let mode: FulfilmentMode
    let topic: String
    let source: String

    private var reads: FactCatalogue {
        switch mode {
        case .orchestration: Self.orchestrated
        case .choreography: Self.choreographed
        }
    }
    private static let orchestrated: FactCatalogue = [ProcessPayment.self, RefundPayment.self]
    private static let choreographed: FactCatalogue = [OrderCreated.self, StockReserved.self, OrderCancelled.self]

    var types: Set<String> { reads.types }

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let requests = try messages.compactMap { message in
            try request(in: message).map {
                (message, OrderKey(tenant: message.tenant, orderID: $0.orderID), $0.request)
            }
        }
        var payments = try PaymentStore.load(Set(requests.map(\.1)).sorted(), on: connection)
        var changed: Set<OrderKey> = []
        for (message, key, request) in requests {
            let reaction = PaymentProcess.react(to: request, payments[key]?.process)
            if let process = reaction.process {
                let cause = PaymentStore.Cause(
                    correlationID: message.correlationID, causationID: message.id, traceparent: message.traceparent)
                payments[key] = PaymentStore.Entry(
                    process: process, cause: cause, version: payments[key]?.version ?? 0)
                changed.insert(key)
            }
            if let fact = reaction.answer?.fact(of: key.orderID, at: WallClock.nowMicroseconds()) {
                outbox.append(try message.causes(fact, topic: topic, source: source))
            }
        }
        try PaymentStore.save(changed.sorted().compactMap { key in payments[key].map { (key, $0) } }, on: connection)
    }

    private func request(
        in message: InboundMessage
    ) throws(MessageRejected) -> (orderID: String, request: PaymentProcess.Request)? {
        switch try message.payload(of: reads) {
        case let command as ProcessPayment:
            return (
                command.orderID,
                .charge(
                    PaymentProcess.Terms(
                        userID: command.userID, amount: command.amount, paymentToken: command.paymentToken))
            )
        case let command as RefundPayment: return (command.orderID, .undo)
        case let order as OrderCreated:
            return (
                order.orderID,
                .announce(
                    PaymentProcess.Terms(
                        userID: order.userID, amount: order.total, paymentToken: order.paymentToken))
            )
        case let stock as StockReserved: return (stock.orderID, .charge(nil))
        case let order as OrderCancelled: return (order.orderID, .undo)
        default: return nil
        }
    }
}

extension PaymentProcess.Answer {
    func fact(of orderID: String, at now: Int64) -> any OrderFact {
        switch self {
        case .processed(let amount, let reference):
            PaymentProcessed(orderID: orderID, amount: amount, reference: reference, at: now)
        case .failed(let reason): PaymentFailed(orderID: orderID, reason: reason, at: now)
        case .refunded(let amount, let reference):
            PaymentRefunded(orderID: orderID, amount: amount, reference: reference, at: now)
        case .voided: PaymentVoided(orderID: orderID, at: now)
        case .refundFailed(let reason): PaymentRefundFailed(orderID: orderID, reason: reason, at: now)
        }
    }
}
