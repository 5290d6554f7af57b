import Messaging
import OrderflowKit
import Orders
import Postgres

/// The order service's consumer: the saga's commands to aggregates, and orders that foreign producers announce.
struct OrderCommandHandler: BatchHandler {
    let types: Set<String> = [CommandType.confirmOrder, CommandType.cancelOrder, FactType.orderCreated]
    /// Our own orders are in the event store before they are on the topic.
    let ignoredSource: String? = OrderStreams.source

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        try OrderDecisions.make(
            messages.compactMap { message in
                try Self.intent(of: message).map { (message, OrderKey(tenant: message.tenant, orderID: $0), $1) }
            },
            // The command may be here before its order is: a foreign producer's comes by another topic. The saga asks
            // again until it is answered, and says so if it never is.
            on: connection)
    }

    private static func intent(of message: InboundMessage) throws -> (orderID: String, OrderIntent)? {
        if message.type == FactType.orderCreated {
            guard case .orderCreated(let created)? = try message.orderFact()?.kind else { return nil }
            return (created.orderID, .adopt(created))
        }
        guard let command = try message.fulfilmentCommand() else { return nil }
        switch command.kind {
        case .confirmOrder: return (command.orderID, .command(.confirm))
        case .cancelOrder(let reason): return (command.orderID, .command(.cancel(reason: reason)))
        default: return nil
        }
    }
}
