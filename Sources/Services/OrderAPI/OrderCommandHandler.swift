import Execution
import Foundation
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts
import Postgres
import Sealing

/// The order service's consumer: the saga's commands to aggregates, and orders that foreign producers announce.
struct OrderCommandHandler: BatchHandler {
    static let group = "order-group"
    /// Where payment takes its commands.
    var paymentCommands = Topic.paymentCommands.defaultName
    var fanIn = BatchFanIn(topic: Topic.orderEvents.defaultName)
    private static let reads: FactCatalogue = [
        ConfirmOrder.self, CancelOrder.self, OrderCreated.self, SendPaymentToken.self, PlaceOrder.self,
        OrderWithdrawn.self,
    ]
    var types: Set<String> { Self.reads.types }
    /// Our own orders are in the event store before they are on the topic.
    let ignoredSource: String? = OrderStreams.source
    /// But for what waited for its time, and what a request did that counts no batches.
    let heardOfItself: Set = [PlaceOrder.type, OrderWithdrawn.type]

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        try OrderDecisions.make(
            messages.compactMap { message in
                try Self.intent(of: message).map { (message, OrderKey(tenant: message.tenant, orderID: $0), $1) }
            },
            // The command may be here before its order is: a foreign producer's comes by another topic. The saga asks
            // again until it is answered, and says so if it never is.
            fanIn: fanIn, on: connection, outbox: &outbox)
        try sendTokens(messages, on: connection, outbox: &outbox)
        try countWithdrawn(messages, on: connection, outbox: &outbox)
    }

    /// Orders that came in batches and were withdrawn, mostly by requests, which may not write to batches. Each is counted once: these
    /// too have rows in the group's inbox.
    private func countWithdrawn(
        _ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]
    ) throws {
        let ours = messages.filter { $0.type == OrderWithdrawn.type && $0.origin == OrderStreams.source }
        let facts = try Inbox.firsts(of: ours, group: Self.group, on: connection).compactMap { message in
            try message.payload(as: OrderWithdrawn.self).map {
                (OrderKey(tenant: message.tenant, orderID: $0.orderID), $0)
            }
        }
        guard !facts.isEmpty else { return }
        let places = try OrderStreams.loadPlaced(Set(facts.map(\.0)).sorted(), on: connection).places
        let ends = facts.compactMap { key, fact in
            places[key].map { BatchFanIn.End(fact, of: key, in: $0) }
        }
        try fanIn.count(ends, on: connection, outbox: &outbox)
    }

    /// Answers payment's questions for tokens, in this very batch too an order's that has just ended: there is none then.
    /// Each is answered once: they alone have rows in the group's inbox.
    private func sendTokens(
        _ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]
    ) throws {
        let asking = messages.filter { $0.type == SendPaymentToken.type }
        let questions = try Inbox.firsts(of: asking, group: Self.group, on: connection).compactMap { message in
            try message.payload(as: SendPaymentToken.self).map { question in
                (message, StreamKey(tenant: message.tenant, streamID: question.orderID), question)
            }
        }
        guard !questions.isEmpty else { return }
        let secrets = try StreamSecrets.load(questions.map(\.1), on: connection)
        for (message, key, question) in questions {
            var sealed: [UInt8]?
            if let secret = secrets[key] {
                guard let publicKey = Data(base64Encoded: question.tokenKey).map({ [UInt8]($0) }),
                    let wrapped = SealedToken.wrap(
                        secret, tenant: key.tenant, orderID: key.streamID, for: publicKey)
                else { throw MessageRejected("/tokenKey is no public key of X25519 in Base64") }
                sealed = wrapped
            }
            let answer = KeepPaymentToken(
                orderID: question.orderID, sealedToken: sealed.map { Data($0).base64EncodedString() })
            outbox.append(
                try message.causes(
                    answer, topic: paymentCommands, source: OrderStreams.source,
                    at: WallClock.nowMicroseconds()))
        }
    }

    private static func intent(of message: InboundMessage) throws -> (orderID: String, OrderIntent)? {
        switch try message.payload(of: reads) {
        case let order as OrderCreated: (order.orderID, .adopt(order))
        case let command as PlaceOrder: (command.orderID, .command(.place))
        case let command as ConfirmOrder: (command.orderID, .command(.confirm))
        case let command as CancelOrder: (command.orderID, .command(.cancel(reason: command.reason)))
        default: nil
        }
    }
}
