import Messaging
import OrderFacts
import OrderflowKit
import Orders
import Postgres

/// The order service's consumer: the saga's commands to aggregates, and orders that foreign producers announce.
struct OrderCommandHandler: BatchHandler {
    private static let reads: FactCatalogue = [ConfirmOrder.self, CancelOrder.self, OrderCreated.self]
    var types: Set<String> { Self.reads.types }
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
        switch try message.payload(of: reads) {
        case let order as OrderCreated: (order.orderID, .adopt(order))
        case let command as ConfirmOrder: (command.orderID, .command(.confirm))
        case let command as CancelOrder: (command.orderID, .command(.cancel(reason: command.reason)))
        default: nil
        }
    }
}
