import Execution
import Messaging
import OrderflowKit
import Orders
import Postgres

/// Turns requests into what the gateway is to be asked. The asking is `GatewayWorker`'s: nothing outside of PostgreSQL
/// happens in a consumer's transaction.
struct PaymentHandler: BatchHandler {
    let mode: FulfilmentMode
    let topic: String
    let source: String

    var types: Set<String> {
        switch mode {
        case .orchestration: [CommandType.processPayment, CommandType.refundPayment]
        case .choreography: [FactType.orderCreated, FactType.stockReserved, FactType.orderCancelled]
        }
    }

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
            if let kind = reaction.fact {
                let fact = OrderFact(orderID: key.orderID, at: WallClock.nowMicroseconds(), kind)
                outbox.append(message.causes(fact, topic: topic, source: source))
            }
        }
        try PaymentStore.save(changed.sorted().compactMap { key in payments[key].map { (key, $0) } }, on: connection)
    }

    private func request(
        in message: InboundMessage
    ) throws(MessageRejected) -> (orderID: String, request: PaymentProcess.Request)? {
        if let command = try message.fulfilmentCommand() {
            switch command.kind {
            case .processPayment(let userID, let amount, let token):
                return (
                    command.orderID,
                    .charge(PaymentProcess.Terms(userID: userID, amount: amount, paymentToken: token))
                )
            case .refundPayment: return (command.orderID, .undo)
            default: return nil
            }
        }
        guard let fact = try message.orderFact() else { return nil }
        switch fact.kind {
        case .orderCreated(let order):
            return (
                fact.orderID,
                .announce(
                    PaymentProcess.Terms(
                        userID: order.userID, amount: order.total, paymentToken: order.paymentToken))
            )
        case .stockReserved: return (fact.orderID, .charge(nil))
        case .orderCancelled: return (fact.orderID, .undo)
        default: return nil
        }
    }
}
