import Execution
import Foundation
import InventoryFacts
import Messaging
import OrderFacts
import OrderflowKit
import Orders
import PaymentFacts
import Postgres
import Sealing

/// Turns requests into what the gateway is to be asked. The asking is `GatewayWorker`'s: nothing outside of PostgreSQL
/// happens in a consumer's transaction.
struct PaymentHandler: BatchHandler {
    static let group = "payment-group"

    let mode: FulfilmentMode
    let topic: String
    let source: String
    /// Where the order service takes its commands.
    var orderCommands = Topic.orderCommands.defaultName
    /// Where payment takes its own.
    var commands = Topic.paymentCommands.defaultName
    /// How long a charge may wait for its token or its terms; nil where somebody else sees to that.
    var window: Duration?
    /// Of the worker beside it; without one, what is to be charged waits in the table for whoever looks.
    var desk: GatewayDesk?

    private var reads: FactCatalogue {
        switch mode {
        case .orchestration: Self.orchestrated
        case .choreography: Self.choreographed
        }
    }
    private static let orchestrated: FactCatalogue = [
        ProcessPayment.self, RefundPayment.self, KeepPaymentToken.self, ClosePaymentWindow.self,
    ]
    private static let choreographed: FactCatalogue = [
        OrderCreated.self, StockReserved.self, OrderCancelled.self, KeepPaymentToken.self, ClosePaymentWindow.self,
    ]

    var types: Set<String> { reads.types }
    let judgesExpiry = true

    func handle(_ messages: [InboundMessage], on connection: Connection, outbox: inout [OutgoingEvent]) throws {
        let requests = try messages.compactMap { message in
            try request(in: message).map {
                (message, OrderKey(tenant: message.tenant, orderID: $0.orderID), $0.request)
            }
        }
        let stored = try PaymentStore.load(Set(requests.map(\.1)).sorted(), on: connection)
        let (payments, events, closed) = try Hearing.decide(group: Self.group, on: connection) { hearing in
            try decide(requests, stored, &hearing)
        }
        outbox += events
        try Schedule.cancel(closed, on: connection)
        try save(payments, on: connection)
    }

    /// What becomes of payments, and what is told.
    private func decide(
        _ requests: [(InboundMessage, OrderKey, PaymentProcess.Request)],
        _ stored: [OrderKey: PaymentStore.Entry], _ hearing: inout Hearing
    ) throws -> (
        changed: [(OrderKey, PaymentStore.Entry)], events: [OutgoingEvent], closed: [Schedule.Selector]
    ) {
        var payments = stored
        var changed: Set<OrderKey> = []
        var events: [OutgoingEvent] = []
        var asking: [OrderKey: InboundMessage] = [:]
        for (message, key, request) in requests {
            var heard = payments[key]?.heard
            guard hearing.isNew(message, to: heard) else { continue }
            let reaction = PaymentProcess.react(
                to: try Self.unwrapped(request, key, payments[key]?.process), payments[key]?.process)
            if reaction.process != nil, payments[key] == nil { heard = HeardMessages() }
            hearing.note(message, in: &heard)
            if var process = reaction.process {
                if process.awaitsToken, process.tokenKey == nil {
                    events.append(try question(for: key, &process, causedBy: message))
                }
                let cause = PaymentStore.Cause(
                    correlationID: message.correlationID, causationID: message.id, traceparent: message.traceparent,
                    priority: message.priority == .express ? .express : payments[key]?.cause.priority ?? .ordinary)
                payments[key] = PaymentStore.Entry(
                    process: process, cause: cause, heard: heard ?? HeardMessages(),
                    version: payments[key]?.version ?? 0)
                changed.insert(key)
                if process.status == .requested { asking[key] = message }
            } else if let heard, heard != payments[key]?.heard {
                payments[key]?.heard = heard
                changed.insert(key)
            }
            if let fact = reaction.answer?.fact(of: key.orderID, at: WallClock.nowMicroseconds()) {
                events.append(try message.causes(fact, topic: topic, source: source))
            } else if reaction.answer == .expired, let refusal = message.refusal {
                events.append(refusal.answer)
            }
        }
        let keys = changed.sorted()
        let (opened, closed) = windows(of: keys, from: stored, to: payments)
        for (key, window) in opened {
            guard let message = asking[key] else { continue }
            let close = ClosePaymentWindow(orderID: key.orderID)
            events.append(
                try message.causes(close, topic: commands, source: source, at: WallClock.nowMicroseconds())
                    .delivered(.after(window)))
        }
        return (keys.compactMap { key in payments[key].map { (key, $0) } }, events, closed)
    }

    /// Charges that have begun to wait, with the time that they have, and the reminders of those that no longer do.
    private func windows(
        of keys: [OrderKey], from stored: [OrderKey: PaymentStore.Entry], to payments: [OrderKey: PaymentStore.Entry]
    ) -> (opened: [(OrderKey, Duration)], closed: [Schedule.Selector]) {
        guard let window else { return ([], []) }
        func waits(_ entries: [OrderKey: PaymentStore.Entry], _ key: OrderKey) -> Bool {
            entries[key]?.process.status == .requested
        }
        return (
            keys.filter { waits(payments, $0) && !waits(stored, $0) }.map { ($0, window) },
            keys.filter { waits(stored, $0) && !waits(payments, $0) }
                .map { Schedule.Selector(tenant: $0.tenant, key: $0.orderID, type: ClosePaymentWindow.type) }
        )
    }

    /// Writes payments; new calls of the gateway, as many as there are places for, as claimed by this process, which the
    /// worker gets when they are committed.
    private func save(_ payments: [(OrderKey, PaymentStore.Entry)], on connection: Connection) throws {
        var payments = payments
        let new = payments.indices.filter { payments[$0].1.process.isToBeBegun }
        guard let desk, !new.isEmpty else { return try PaymentStore.save(payments, on: connection) }
        let areExpress = new.allSatisfy { payments[$0].1.cause.priority == .express }
        let (places, lease) = desk.reserve(new.count, areExpress: areExpress)
        var claimed: [GatewayDesk.Claimed] = []
        do {
            for index in new.prefix(places) {
                payments[index].1.process.attempts += 1
                payments[index].1.isClaimed = true
                var entry = payments[index].1
                entry.version += 1
                claimed.append(GatewayDesk.Claimed(key: payments[index].0, entry: entry, leaseEnd: .now + lease))
            }
            let (handed, due) = (claimed, new.count - places)
            try connection.whenEnded { isCommitted in
                if isCommitted {
                    desk.hand(handed, due: due, areExpress: areExpress)
                } else {
                    desk.free(places)
                }
            }
        } catch {
            desk.free(places)
            throw error
        }
        try PaymentStore.save(payments, lease: lease, on: connection)
    }

    /// Asks for the token with a key that is made for this payment and dropped with the answer.
    private func question(
        for key: OrderKey, _ process: inout PaymentProcess, causedBy message: InboundMessage
    ) throws -> OutgoingEvent {
        let pair = OpeningKey()
        process.tokenKey = pair.privateBytes
        return try message.causes(
            SendPaymentToken(orderID: key.orderID, tokenKey: Data(pair.publicKey).base64EncodedString()),
            topic: orderCommands, source: source, at: WallClock.nowMicroseconds())
    }

    /// A token without what it was wrapped in for its way; other requests as they are.
    private static func unwrapped(
        _ request: PaymentProcess.Request, _ key: OrderKey, _ process: PaymentProcess?
    ) throws -> PaymentProcess.Request {
        guard case .token(let wrapped?) = request, let process, process.awaitsToken else { return request }
        guard let pair = process.tokenKey.flatMap({ OpeningKey(privateBytes: $0) }),
            let sealed = SealedToken.unwrap(wrapped, tenant: key.tenant, orderID: key.orderID, with: pair)
        else { throw MessageRejected("/sealedToken is no answer to what was asked for order \(key.orderID)") }
        return .token(sealed)
    }

    private func request(
        in message: InboundMessage
    ) throws(MessageRejected) -> (orderID: String, request: PaymentProcess.Request)? {
        switch try message.payload(of: reads) {
        case let command as ProcessPayment:
            let terms = PaymentProcess.Terms(
                userID: command.userID, amount: command.amount, paymentToken: command.paymentToken,
                isSealed: command.hasSealedToken)
            return (command.orderID, message.refusal == nil ? .charge(terms) : .chargeTooLate(terms))
        case let answer as KeepPaymentToken:
            guard let text = answer.sealedToken else { return (answer.orderID, .token(nil)) }
            guard let bytes = Data(base64Encoded: text) else { throw MessageRejected("/sealedToken is not Base64") }
            return (answer.orderID, .token([UInt8](bytes)))
        case let command as ClosePaymentWindow: return (command.orderID, .closeWindow)
        case let command as RefundPayment: return (command.orderID, .undo)
        case let order as OrderCreated:
            return (
                order.orderID,
                .announce(
                    PaymentProcess.Terms(
                        userID: order.userID, amount: order.total, paymentToken: order.paymentToken,
                        isSealed: order.hasSealedToken))
            )
        case let stock as StockReserved: return (stock.orderID, .charge(nil))
        case let order as OrderCancelled: return (order.orderID, .undo)
        default: return nil
        }
    }
}

extension PaymentProcess.Answer {
    /// Nil where the kit has the answer.
    func fact(of orderID: String, at now: Int64) -> (any OrderFact)? {
        switch self {
        case .expired: nil
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
